# shellcheck shell=bash
# Sourced by build: the compiler and the source, laid out as a GOPATH below the scratch folder.

# Debian 12 is the last release whose source package holds the whole of Kubernetes;
# later ones keep only kubectl. Its Go is newer than upstream's of that time (1.15).
readonly GO_VERSION=1.19
readonly KUBERNETES_PATH=gopath/src/k8s.io/kubernetes

unpack_go() {
    local scratch=$1
    [ ! -d "$scratch/go" ] || return 0
    rm -rf "$scratch/go.new"
    unpack_packages "$scratch/apt" "$scratch/go.new" "golang-$GO_VERSION-go" "golang-$GO_VERSION-src"
    mv "$scratch/go.new" "$scratch/go"
}

unpack_source() {
    local scratch=$1 tree=$1/$KUBERNETES_PATH
    [ ! -d "$tree" ] || return 0
    mkdir -p "$scratch/source" "$(dirname "$tree")"
    # apt has checked every file against the signed index; the .dsc's own signature adds nothing.
    (cd "$scratch/source" && private_apt_get "$scratch/apt" source --download-only kubernetes)
    rm -rf "$tree.new"
    nice dpkg-source --no-check --extract "$scratch"/source/kubernetes_*.dsc "$tree.new"
    replace_reflect2 "$scratch" "$tree.new"
    mv "$tree.new" "$tree"
}

# The vendored reflect2 1.0.1 calls a private function of Go's reflect package whose arguments
# changed in Go 1.18: memory corruption. Debian packages the version that knows both.
replace_reflect2() {
    local scratch=$1 tree=$2 package=github.com/modern-go/reflect2
    rm -rf "$scratch/reflect2"
    unpack_packages "$scratch/apt" "$scratch/reflect2" golang-github-modern-go-reflect2-dev
    rm -rf "${tree:?}/vendor/$package"
    mkdir -p "$tree/vendor/$package"
    find "$scratch/reflect2/usr/share/gocode/src/$package" -maxdepth 1 \( -name '*.go' -o -name '*.s' \) \
        ! -name '*_test.go' -exec cp -L {} "$tree/vendor/$package/" ';'
}

# The one generated file that the source package lacks: the API's description.
generate_openapi() (
    local scratch=$1 packages generated=pkg/generated/openapi/zz_generated.openapi
    cd "$scratch/$KUBERNETES_PATH" || exit
    [ ! -s "$generated.go" ] || return 0
    go_build "$scratch" -o "$scratch/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
    packages=$(described_packages | paste -sd,)
    in_go "$scratch" "$scratch/openapi-gen" --logtostderr --input-dirs "$packages" \
        --output-package "k8s.io/kubernetes/$(dirname "$generated")" --output-file-base "$(basename "$generated")" \
        --go-header-file vendor/k8s.io/code-generator/hack/boilerplate.go.txt --report-filename "$scratch/openapi-violations"
)

# Packages that ask to be described. vendor/k8s.io/* are links, which grep -r does not follow by itself.
described_packages() {
    find pkg cmd plugin vendor/k8s.io/*/ -name '*.go' -exec grep -l '^// +k8s:openapi-gen=' {} + |
        grep -v -e /testdata/ -e _examples -e vendor/k8s.io/code-generator/ -e vendor/k8s.io/sample-apiserver/ |
        sed -e 's#//#/#g' -e 's#/[^/]*$##' -e 's#^#k8s.io/kubernetes/#' | LC_ALL=C sort -u
}
