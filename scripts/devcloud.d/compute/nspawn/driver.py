"""The methods that Nova calls (Nova 26, "Zed")."""
import os
import time

import eventlet
from eventlet.timeout import Timeout
from keystoneauth1 import loading
from oslo_config import cfg
from oslo_log import log as logging

from nova.compute import power_state
import nova.conf
from nova import exception
from nova.virt import event, fake, hardware
from nova.virt.nspawn import image, network, seed
from nova.virt.nspawn.node import Node

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)
CONF.register_opts([cfg.StrOpt('cgroup', default='devcloud', help='Parent of the nodes\' cgroups, in every hierarchy.')],
                   group='devcloud')
CONSOLE_BYTES = 200_000


class NspawnDriver(fake.FakeDriver):
    """Nova's fake driver manages inventory and claims; this class manages the containers."""

    capabilities = dict(fake.FakeDriver.capabilities, supports_image_type_qcow2=True, supports_evacuate=False)
    vcpus = os.cpu_count()
    memory_mb = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') >> 20
    local_gb = 1000

    def init_host(self, host):
        super().init_host(host)
        self._running = set()
        for node in Node.all():
            self._book(node, node.facts)
        eventlet.spawn(self._watch)

    def _book(self, node, facts):
        state = power_state.RUNNING if node.supervisor() else power_state.SHUTDOWN
        self.instances[node.uuid] = fake.FakeInstance(facts['name'], state, node.uuid)
        self.resources.claim(facts['vcpus'], facts['memory_mb'], facts['root_gb'])

    def _watch(self):
        """Notifies Nova when a node has stopped by itself; Nova itself checks only once a minute."""
        while True:
            running = {uuid for uuid in self.instances if Node(uuid).supervisor()}
            for uuid in self._running - running:
                self.emit_event(event.LifecycleEvent(uuid, event.EVENT_LIFECYCLE_STOPPED))
            self._running = running
            time.sleep(2)

    def get_host_ip_addr(self):
        return CONF.my_ip

    def get_info(self, instance, use_cache=True):
        self._check(instance)
        return hardware.InstanceInfo(
            state=power_state.RUNNING if Node(instance.uuid).supervisor() else power_state.SHUTDOWN)

    def instance_exists(self, instance):
        return instance.uuid in self.instances

    def _check(self, instance):
        if instance.uuid not in self.instances:
            raise exception.InstanceNotFound(instance_id=instance.uuid)

    def get_console_output(self, context, instance):
        with open(Node(instance.uuid).path('console.log'), 'rb') as file:
            return file.read()[-CONSOLE_BYTES:]

    # Servers

    def spawn(self, context, instance, image_meta, injected_files, admin_password, allocations, network_info=None,
              block_device_info=None, power_on=True, accel_info=None):
        begun, node, flavor = time.time(), Node(instance.uuid), instance.flavor
        facts = {'name': instance.name, 'hostname': instance.hostname, 'image': instance.image_ref,
                 'vcpus': flavor.vcpus, 'memory_mb': flavor.memory_mb, 'root_gb': flavor.root_gb}
        node.create(facts)
        self._book(node, facts)
        node.mount(context)
        fetched = time.time()
        self._plug_and_wait(instance, network_info or [],
                            lambda: self._seed(node, instance, injected_files, admin_password, network_info))
        plugged = time.time()
        if power_on:
            node.start()
        LOG.info('spawned: image %.1f s, network %.1f s, start %.1f s', fetched - begun, plugged - fetched,
                 time.time() - plugged, instance=instance)

    @staticmethod
    def _seed(node, instance, files, admin_password, network_info):
        seed.config_drive(node.root, instance, files, admin_password, network_info)
        seed.container(node.root)

    def _plug_and_wait(self, instance, network_info, meanwhile):
        """A node starts only when its network is ready; Neutron sends an event for each port."""
        for vif in network_info:
            vif.fixed_ips()  # waits for the allocation, which runs in another thread
        events = [('network-vif-plugged', vif['id']) for vif in network_info if not vif.get('active', True)]
        try:
            with self.virtapi.wait_for_instance_event(instance, events, deadline=CONF.vif_plugging_timeout):
                self.plug_vifs(instance, network_info)
                meanwhile()
        except Timeout:
            LOG.warning('ports not ready after %s s', CONF.vif_plugging_timeout, instance=instance)
            if CONF.vif_plugging_is_fatal:
                raise exception.VirtualInterfaceCreateException()

    def power_on(self, context, instance, network_info, block_device_info=None, accel_info=None):
        self._check(instance)
        self.plug_vifs(instance, network_info)
        node = Node(instance.uuid)
        if not node.supervisor():
            node.start()

    def power_off(self, instance, timeout=0, retry_interval=0):
        self._check(instance)
        Node(instance.uuid).stop(timeout)

    def reboot(self, context, instance, network_info, reboot_type, block_device_info=None, bad_volumes_callback=None,
               accel_info=None):
        node = Node(instance.uuid)
        if reboot_type == 'SOFT' and node.reboot():
            return
        node.stop(0)
        self.power_on(context, instance, network_info)

    def resume_state_on_host_boot(self, context, instance, network_info, block_device_info=None):
        self.power_on(context, instance, network_info)

    def destroy(self, context, instance, network_info, block_device_info=None, destroy_disks=True, destroy_secrets=True):
        Node(instance.uuid).stop(0)
        super().destroy(context, instance, network_info, block_device_info, destroy_disks)
        self.cleanup(context, instance, network_info, block_device_info, destroy_disks)

    def cleanup(self, context, instance, network_info, block_device_info=None, destroy_disks=True, migrate_data=None,
                destroy_vifs=True, destroy_secrets=True):
        self.unplug_vifs(instance, network_info)
        Node(instance.uuid).remove(destroy_disks)

    # Ports

    def plug_vifs(self, instance, network_info):
        for vif in network_info or []:
            network.plug(instance.uuid, vif)

    def unplug_vifs(self, instance, network_info):
        for vif in network_info or []:
            network.unplug(vif)

    def attach_interface(self, context, instance, image_meta, vif):
        network.plug(instance.uuid, vif)

    def detach_interface(self, context, instance, vif):
        network.unplug(vif)

    # Methods that the fake driver only simulates

    def snapshot(self, context, instance, image_id, update_task_state):
        raise NotImplementedError()

    def attach_volume(self, context, connection_info, instance, mountpoint, disk_bus=None, device_type=None,
                      encryption=None):
        raise NotImplementedError()

    # Images

    def manage_image_cache(self, context, all_instances):
        """Removes cached images that no node uses and that are deleted from Glance."""
        used = {node.facts['image'] for node in Node.all()}
        for unused in image.cached() - used:
            if not self._in_glance(unused):
                image.remove(unused)

    @staticmethod
    def _in_glance(image_id):
        auth = loading.load_auth_from_conf_options(CONF, 'placement')
        session = loading.load_session_from_conf_options(CONF, 'placement', auth=auth)
        answer = session.get(f'/v2/images/{image_id}', raise_exc=False,
                             endpoint_filter={'service_type': 'image', 'region_name': CONF.placement.region_name})
        return answer.status_code != 404
