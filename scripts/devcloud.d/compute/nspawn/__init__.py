"""A Nova compute driver for a development cloud: every server is a system container, run by systemd-nspawn.

    driver    what Nova calls
    node      one container: its folder, its processes, start and stop
    image     an image from Glance as a read-only tree, made once per image
    network   a node's network namespace and its ports
    cgroup    a node's cgroups and limits
    seed      what is written into a node before it starts: config drive, and what a container must do otherwise
    system    running programs, reading files of /proc

All state is on disk (instances_path/UUID), so that nova-compute may stop and start under running nodes.
"""
