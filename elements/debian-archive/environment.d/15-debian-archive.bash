# image-cleanup leaves the sources.list that this element writes.
export DIB_KEEP_APT_SOURCES=1
