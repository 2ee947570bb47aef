# Library of kstack-addons. For jq 1.4.

def group: .apiVersion | split("/") | if length == 2 then .[0] else "" end;

# What identifies an object. Cluster-scoped objects have no namespace.
def identity: {apiVersion, kind, metadata: ({name: .metadata.name}
    + if (.metadata.namespace // "") == "" then {} else {namespace: .metadata.namespace} end)};

# An object is the same in each version of its API.
def key: [group, .kind, .metadata.namespace // "", .metadata.name];

def title: "\(.kind) \(if .metadata.namespace then .metadata.namespace + "/" else "" end)\(.metadata.name)";

# kubectl prints several objects as a list, but a single one by itself.
def list_of: if (.kind // "List") == "List" then .items // [] else [.] end;

def list: {apiVersion: "v1", kind: "List", items: (map(list_of) | add // [])};

def is_base: (.kind == "Namespace" and group == "")
    or (.kind == "CustomResourceDefinition" and group == "apiextensions.k8s.io");

def part(wanted): .items |= map(select(wanted));

# The identities of all objects in the lists, without duplicates.
def known: {items: (map(list_of) | add // [] | map(identity) | unique_by(key))};

# Input: the inventory, the wanted objects. The objects to be deleted: of the base if "true", else of the rest.
def surplus(base): (base == "true") as $base | (.[1].items | map(key)) as $wanted
    | .[0].items[] | select(is_base == $base) | select(key as $key | $wanted | map(select(. == $key)) | length == 0);

# Whether the object that kubectl printed still has the addon's label.
def labelled(name): name as $name | list_of | map(select(.metadata.labels["kstack.io/addon"] == $name)) | length > 0;

# Input: all statuses, objects. An error for each object that another addon owns.
def owned_by_others(name): name as $name | (.[1] | list_of | map(key)) as $keys
    | .[0].items[] | select(.metadata.name != "kstack-addon-\($name)" and .data.inventory != null)
    | .metadata.labels["kstack.io/addon"] as $other | .data.inventory | fromjson | .items[]
    | select(key as $key | $keys | map(select(. == $key)) | length > 0)
    | "\(title) is owned by addon \($other).";

def all_defined: map(select(.kind == "CustomResourceDefinition") | [.status.conditions // [] | .[] | select(.type == "Established" and .status == "True")] | length)
    | map(select(. == 0)) | length == 0;

def workloads: {apiVersion: "v1", kind: "List",
    items: (.items | map(select(group == "apps" and (.kind == "Deployment" or .kind == "DaemonSet" or .kind == "StatefulSet"))))};

# A line for each workload with missing or outdated pods.
def unready: .[] | . as $object | (.status // {}) as $status
    | (if .kind == "DaemonSet" then $status.desiredNumberScheduled else .spec.replicas end // 0) as $wanted
    | (if .kind == "DaemonSet" then $status.numberAvailable elif .kind == "Deployment" then $status.availableReplicas
        else $status.readyReplicas end // 0) as $have
    | (if .kind == "DaemonSet" then $status.updatedNumberScheduled else $status.updatedReplicas end // 0) as $updated
    | select($have < $wanted or $updated < $wanted or ($status.observedGeneration // 0) < .metadata.generation)
    | "\(title): \($have) of \($wanted) available";

def status(name; state; message; revision): name as $name | {apiVersion: "v1", kind: "ConfigMap",
    metadata: {name: "kstack-addon-\($name)", namespace: "kube-system", labels: {"kstack.io/addon": $name}},
    data: {state: state, message: message, revision: revision, inventory: (.[0] | tojson)}};

def same_status: (.[0].data // {}) == .[1].data;
