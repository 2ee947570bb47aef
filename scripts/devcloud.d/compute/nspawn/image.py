"""An image from Glance as a read-only tree, made once per image and shared by all nodes of that image."""
import json
import os
import time

from oslo_concurrency import lockutils
from oslo_concurrency import processutils
from oslo_log import log as logging

import nova.conf
from nova.image import glance
from nova.virt.nspawn.system import mounted, run, unmount

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)


def _folder():
    return os.path.join(CONF.instances_path, '_base')


def _locked(image):
    return lockutils.lock(f'image-{image}', external=True, lock_path=CONF.oslo_concurrency.lock_path)


def tree(context, image):
    """The mounted root file system of an image; downloads the image first if it is not cached."""
    raw, root = os.path.join(_folder(), image + '.raw'), os.path.join(_folder(), image)
    with _locked(image):
        os.makedirs(root, exist_ok=True)
        if not os.path.exists(raw):
            _fetch(context, image, raw)
        if not mounted(root):
            # noload: a read-only mount would otherwise replay the journal into the image.
            options = f'loop,ro,noload,offset={_offset(raw)}'
            run('mount', '-o', options, raw, root)
    return root


def _fetch(context, image, raw):
    begun = time.time()
    glance.API().download(context, image, dest_path=raw + '.part')
    run('qemu-img', 'convert', '-O', 'raw', raw + '.part', raw + '.new')
    os.unlink(raw + '.part')
    os.rename(raw + '.new', raw)
    LOG.info('image %s fetched and converted in %.1f s', image, time.time() - begun)


def _offset(raw):
    """The offset of the largest partition; 0 without a partition table. Not every kernel can read partition tables."""
    try:
        table = json.loads(run('sfdisk', '--json', raw))['partitiontable']
        largest = max(table['partitions'], key=lambda partition: partition['size'])
        return largest['start'] * table.get('sectorsize', 512)
    except (processutils.ProcessExecutionError, ValueError, KeyError):
        return 0


def cached():
    """The IDs of the cached images, also of incomplete ones."""
    return {name.split('.')[0] for name in os.listdir(_folder())}


def remove(image):
    LOG.info('image %s was deleted from Glance: removing it from the cache', image)
    with _locked(image):
        root = os.path.join(_folder(), image)
        unmount(root)
        for suffix in ('.raw', '.part', '.new', '.raw.part', '.raw.new'):
            if os.path.exists(root + suffix):
                os.unlink(root + suffix)
        if os.path.isdir(root):
            os.rmdir(root)
