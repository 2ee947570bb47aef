# shellcheck shell=bash disable=SC2154,SC2164 # the programs that source it set root and set -e
# Functions of quickstart and test: steps with their duration, packages, paths. Sourced, never run; $root is the folder of
# the repository.

# The distribution's programs first: OpenStack and diskimage-builder need the distribution's Python.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH
export PATH LC_ALL=C.UTF-8

KSTACK_CACHE=${KSTACK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kstack}
KSTACK_DEVCLOUD=$(readlink -m -- "${KSTACK_DEVCLOUD:-/var/lib/kstack-devcloud}")
export KSTACK_CACHE KSTACK_DEVCLOUD

# Namespaces, mounts and loop devices need root.
become_root() {
    [ "$EUID" -ne 0 ] || return 0
    command -v sudo >/dev/null || stop "Run this as root, or install sudo."
    exec sudo --preserve-env=KSTACK_CACHE,KSTACK_DEVCLOUD,http_proxy,https_proxy,no_proxy "$0" "$@"
}

stop() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# step TITLE COMMAND...: prints the title before and the duration after the command. Never part of an `||` list, where
# `set -e` would be off in the command. A failure ends the script; the trap then prints the step.
current_step=''
step() {
    local from=$SECONDS
    current_step=$1
    shift
    printf '\n== %s\n' "$current_step"
    "$@"
    printf '== %s: done in %d s\n' "$current_step" $((SECONDS - from))
    current_step=''
}
report_failed_step() {
    local status=$?
    [ "$status" -eq 0 ] || printf '%s: failed (exit %d)%s\n' "${0##*/}" "$status" "${current_step:+ in step: $current_step}" >&2
}
trap report_failed_step EXIT

# quiet COMMAND...: prints its output only if it fails.
quiet() {
    local log
    log=$(mktemp)
    if "$@" >"$log" 2>&1 </dev/null; then
        rm -f "$log"
    else
        tail -n 30 "$log" >&2
        rm -f "$log"
        return 1
    fi
}

node_is_new_enough() {
    local version
    version=$(node --version 2>/dev/null) || return 1
    printf '%s\n%s\n' 20.19.0 "${version#v}" | sort --version-sort --check=quiet
}

missing_packages() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query --show --showformat='${db:Status-Abbrev}' "$package" 2>/dev/null)" = 'ii ' ] || echo "$package"
    done
}

# without_services COMMAND...: packages that the command installs do not start their services, which nothing here needs.
without_services() {
    local policy=/usr/sbin/policy-rc.d made='' result=0
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        made=1
    fi
    "$@" || result=$?
    [ -z "$made" ] || rm -f "$policy"
    return "$result"
}

install_packages() {
    local missing apt=(apt-get -o DPkg::Lock::Timeout=900 -y)
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    echo "installing: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    quiet "${apt[@]}" update
    quiet without_services "${apt[@]}" --no-install-recommends install "${missing[@]}"
}

# Builds this package, with the dependencies of its lock file.
build_package() {
    cd "$root"
    if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
        quiet npm ci --no-audit --no-fund
    fi
    quiet npm run build
}
