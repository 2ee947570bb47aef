# shellcheck shell=bash
# Sourced by build: what the container images are made from. Each is a folder with the files
# (rootfs/) and what an image says about itself (image.json); kimg packs them.

# assemble_images SCRATCH PROGRAMS TARGET
assemble_images() {
    local scratch=$1 programs=$2 target=$3
    rm -rf "$target"
    pause_image "$programs" "$target/pause"
    cluster_dns_image "$programs" "$target/cluster-dns"
    busybox_image "$scratch" "$target/busybox"
}

pause_image() {
    local programs=$1 image=$2
    install -D "$programs/pause" "$image/rootfs/pause"
    cat > "$image/image.json" <<'END'
{"reference": "registry.k8s.io/pause:3.2", "config": {"Entrypoint": ["/pause"], "User": "65535:65535"}}
END
}

cluster_dns_image() {
    local programs=$1 image=$2
    install -D "$programs/cluster-dns" "$image/rootfs/cluster-dns"
    mkdir -p "$image/rootfs/etc"
    cat > "$image/image.json" <<'END'
{"reference": "kstack.local/cluster-dns:1.0", "config": {"Entrypoint": ["/cluster-dns"]}}
END
}

# One static program under all its names, for tests and for a look around from inside.
busybox_image() {
    local scratch=$1 image=$2 applet version root=$2/rootfs
    unpack_packages "$scratch/apt" "$scratch/busybox" busybox-static
    mkdir -p "$root"/{bin,dev,etc,proc,root,sbin,sys,tmp,usr/bin,usr/sbin,var,www}
    cp "$scratch"/busybox/{,usr/}bin/busybox "$root/bin/" 2> /dev/null || [ -x "$root/bin/busybox" ]
    for applet in $("$root/bin/busybox" --list-full); do
        [ -e "$root/$applet" ] || ln -s /bin/busybox "$root/$applet"
    done
    chmod 1777 "$root/tmp"
    printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' 'nobody:x:65534:65534:nobody:/:/bin/false' > "$root/etc/passwd"
    printf '%s\n' 'root:x:0:' 'nogroup:x:65534:' > "$root/etc/group"
    version=$("$root/bin/busybox" | sed -n '1s/^BusyBox v\([0-9.]*\) .*/\1/p')
    printf '{"reference": "docker.io/library/busybox:%s", "config": {"Cmd": ["sh"]}}\n' "$version" > "$image/image.json"
}
