# image-cleanup leaves the sources.list that this element writes.
export DIB_KEEP_APT_SOURCES=1
# Some packages of an old release work only as they were put into its backports. apt takes from there
# what is nowhere else, and nothing else. This file is sourced for each phase.
case $DIB_APT_SOURCES_CONF in
    *backports:*) ;;
    *)
        export DIB_APT_SOURCES_CONF="$DIB_APT_SOURCES_CONF
backports:deb [trusted=yes] $DIB_DISTRIBUTION_MIRROR $DIB_RELEASE-backports main"
        ;;
esac
