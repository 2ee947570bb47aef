if [ -n "${DIB_PREBUILT_BASE:-}" ]; then
    export DIB_DEBIAN_USE_DEBOOTSTRAP_CACHE=1
fi
