# shellcheck shell=bash
# Sourced by build: packages from the Debian mirror, without a change to this machine's apt.

readonly DEBIAN_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# The mirror in apt's configuration, in any of its formats (*.sources, *.list).
debian_mirror() {
    local mirror
    mirror=${KSTACK_DEBIAN_MIRROR:-$(
        # shellcheck disable=SC2016  # apt replaces these
        apt-get indextargets --no-release-info --format '$(REPO_URI) $(COMPONENT) $(RELEASE)' 'Identifier: Packages' |
            awk '$2 == "main" && $3 !~ /-security$/ && $1 ~ /^mirror\+file:|\/debian\/?$/ && !found {found = 1; print $1}'
    )}
    # Debian's cloud images refer to a file with the mirrors.
    case $mirror in
        mirror+file:*) mirror=$(sed -n '/^[a-z]/{s/[[:space:]].*//;p;q}' "$(sed 's,^mirror+file:/*,/,; s,/$,,' <<< "$mirror")") ;;
    esac
    [ -n "$mirror" ] || {
        echo 'error: no Debian mirror in the configuration of apt; set KSTACK_DEBIAN_MIRROR' >&2
        return 1
    }
    echo "${mirror%/}"
}

# private_apt DIR SUITE: an apt with its own sources, lists and packages in DIR, which trusts Debian's keyring only.
private_apt() {
    local dir=$1 suite=$2 mirror
    mirror=$(debian_mirror)
    mkdir -p "$dir/lists/partial" "$dir/archives/partial"
    : > "$dir/status"
    cat > "$dir/debian.sources" <<END
Types: deb deb-src
URIs: $mirror
Suites: $suite
Components: main
Signed-By: $DEBIAN_KEYRING
END
    mkdir -p "$dir/sources.d"
    mv "$dir/debian.sources" "$dir/sources.d/"
    private_apt_get "$dir" update
}

private_apt_get() {
    local dir=$1
    shift
    # Other settings, such as proxies, are those of the system's configuration.
    nice apt-get --quiet \
        -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$dir/sources.d" \
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
        -o Dir::State::Lists="$dir/lists" -o Dir::State::Status="$dir/status" \
        -o Dir::Cache="$dir" -o Dir::Cache::Archives="$dir/archives" \
        -o APT::Sandbox::User= -o APT::Get::AllowUnauthenticated=false -o Acquire::Retries=3 "$@"
}

# unpack_packages APT TARGET PACKAGE...: downloads packages, which apt verifies, and unpacks them.
unpack_packages() {
    local dir=$1 target=$2 packages package
    shift 2
    packages=$(mktemp -d "$dir/packages.XXXXXX")
    (cd "$packages" && private_apt_get "$dir" download "$@")
    for package in "$packages"/*.deb; do
        dpkg-deb --extract "$package" "$target"
    done
    rm -rf "$packages"
}

# install_missing PACKAGE...: installs packages on the machine itself.
install_missing() {
    local package missing=() as_root=()
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)" = installed ] || missing+=("$package")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    [ "$EUID" -eq 0 ] || as_root=(sudo)
    echo "(installing ${missing[*]})" >&2
    "${as_root[@]}" apt-get -qq -s install "${missing[@]}" > /dev/null 2>&1 || "${as_root[@]}" apt-get -q update
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -qy -o DPkg::Lock::Timeout=900 --no-install-recommends install "${missing[@]}"
}
