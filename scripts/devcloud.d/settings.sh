# shellcheck shell=bash disable=SC2034 # the other parts read these
# Names, paths and addresses.

here=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")") # the folder of devcloud itself
lib=$here/devcloud.d

STATE=$(readlink -m -- "${KSTACK_DEVCLOUD:-/var/lib/kstack-devcloud}")
CACHE=${KSTACK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kstack}
SUBNET=${KSTACK_DEVCLOUD_SUBNET:-172.24.4.0/24}

if [[ ! $SUBNET =~ ^([0-9]+\.[0-9]+\.[0-9]+)\.0/24$ ]]; then
	echo "devcloud: KSTACK_DEVCLOUD_SUBNET is $SUBNET, but must be a /24 network such as 172.24.4.0/24" >&2
	exit 2
fi
NET=${BASH_REMATCH[1]}
CLOUD_IP=$NET.1 # address of every API, and gateway of network "public"
HOST_IP=$NET.2  # this machine's address in that network

LINK=dc${NET//./-}          # this machine's end of the veth pair (a name has 15 characters at most)
CGROUP=devcloud-${NET//./-} # the nodes' cgroups are below it, in every hierarchy

RUN=/run/devcloud # in the cloud's mount namespace only: deleted with its last process
ETC=$STATE/etc
LOG=$STATE/log
