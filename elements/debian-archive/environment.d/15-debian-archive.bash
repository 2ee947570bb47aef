# image-cleanup must keep the sources.list that this element writes.
export DIB_KEEP_APT_SOURCES=1
# Some packages of an old release are only in its backports. apt installs a package from there only if no other source
# has it. This file is sourced for each phase.
case $DIB_APT_SOURCES_CONF in
    *backports:*) ;;
    *)
        export DIB_APT_SOURCES_CONF="$DIB_APT_SOURCES_CONF
backports:deb [trusted=yes] $DIB_DISTRIBUTION_MIRROR $DIB_RELEASE-backports main"
        ;;
esac
