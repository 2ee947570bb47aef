# shellcheck shell=bash
# Sourced by build: static binaries out of the unpacked source.

readonly COMPONENTS='kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl'

# in_go SCRATCH COMMAND... runs a command with Go's environment, closed to any network.
in_go() {
    local scratch=$1 goroot=$1/go/usr/lib/go-$GO_VERSION
    shift
    env -i PATH="$goroot/bin:$PATH" HOME="$scratch" GOROOT="$goroot" GOPATH="$scratch/gopath" \
        GOCACHE="$scratch/gocache" GO111MODULE=off GOPROXY=off GOFLAGS= CGO_ENABLED=0 \
        nice -n 10 "$@"
}

go_build() {
    local scratch=$1
    shift
    in_go "$scratch" go build -p "$(parallel_compilers)" -trimpath "$@"
}

# One compiler process takes up to 1.5 GB.
parallel_compilers() {
    local memory_kb
    memory_kb=$(awk '/^MemTotal:/ {print $2}' /proc/meminfo)
    if [ "$memory_kb" -lt 3000000 ]; then echo 1; else nproc; fi
}

# What upstream's build writes into the binaries. The commit is in the source package itself,
# the date is that of the source's newest entry: two builds give the same bytes.
version_flags() {
    local tree=$1 commit date package flags='-s -w'
    commit=$(sed -n 's/^\tgitCommit *= "\([0-9a-f]*\)".*/\1/p' "$tree/staging/src/k8s.io/component-base/version/base.go")
    date=$(dpkg-parsechangelog -l "$tree/debian/changelog" -S Timestamp)
    for package in component-base/version client-go/pkg/version; do
        package=k8s.io/kubernetes/vendor/k8s.io/$package
        flags+=" -X $package.gitVersion=v$KUBERNETES_VERSION -X $package.gitMajor=1 -X $package.gitMinor=20"
        flags+=" -X $package.gitCommit=$commit -X $package.gitTreeState=archive"
        flags+=" -X $package.buildDate=$(date -u -d "@$date" +%Y-%m-%dT%H:%M:%SZ)"
    done
    echo "$flags"
}

compile_component() {
    local scratch=$1 component=$2 output=$3 flags
    flags=$(version_flags "$scratch/$KUBERNETES_PATH")
    (cd "$scratch/$KUBERNETES_PATH" && go_build "$scratch" -ldflags "$flags" -o "$output" "./cmd/$component")
}

compile_binaries() {
    local scratch=$1 target=$2 component
    [ ! -d "$target" ] || return 0
    mkdir -p "$scratch/bin"
    for component in $COMPONENTS; do
        step "$component" compile_component "$scratch" "$component" "$scratch/bin/$component"
    done
    "$scratch/bin/kubelet" --version | grep -qx "Kubernetes v$KUBERNETES_VERSION"
    mv -T "$scratch/bin" "$target"
}

# compile_container_programs SCRATCH SOURCE TARGET: what runs in the container images.
compile_container_programs() {
    local scratch=$1 source=$2 target=$3
    [ ! -d "$target" ] || return 0
    rm -rf "$scratch/programs"
    mkdir -p "$scratch/programs"
    step 'pause' gcc -Os -static -s -DVERSION=v3.2 -o "$scratch/programs/pause" \
        "$scratch/$KUBERNETES_PATH/build/pause/linux/pause.c"
    # Inside Kubernetes' own tree, so that it is compiled from the same vendored libraries.
    rm -rf "$scratch/$KUBERNETES_PATH/cmd/cluster-dns"
    cp -r "$source" "$scratch/$KUBERNETES_PATH/cmd/cluster-dns"
    step 'cluster-dns' compile_component "$scratch" cluster-dns "$scratch/programs/cluster-dns"
    mv -T "$scratch/programs" "$target"
}
