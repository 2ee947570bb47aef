"""A Nova compute driver for a development cloud: every server is a system container, run by systemd-nspawn.

    driver    the methods that Nova calls
    node      one container: its folder, its processes, start and stop
    image     an image from Glance as a read-only tree, made once per image
    network   a node's network namespace and its ports
    cgroup    a node's cgroups and limits
    seed      files that are written to a node before it starts: config drive, and changes for containers
    system    running programs, reading files of /proc

All state is on disk (instances_path/UUID), so that nova-compute can be restarted while nodes run.
"""
