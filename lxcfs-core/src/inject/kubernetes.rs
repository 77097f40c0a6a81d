//! Kubernetes: volumes of a pod, and a policy by which the API server adds them.
//!
//! # References
//!
//! Kubernetes, `MutatingAdmissionPolicy` (admissionregistration.k8s.io/v1 since 1.36). `volumes` are merged by name, `containers`
//! by name, `volumeMounts` by path, so that applying it twice changes nothing.

use std::fmt::Write as _;

use super::plan::{Mount, Plan, Propagation};
use super::text::quoted;

/// What a pod's `spec` and each of its containers need, as a comment says.
///
/// ```
/// use lxcfs_core::inject::{Plan, pod_fragment};
///
/// let text = pod_fragment(&Plan::new("/var/lib/lxcfs").only(|file| file == "proc/meminfo"));
/// assert!(text.contains("- {name: lxcfs-meminfo, hostPath: {path: \"/var/lib/lxcfs/proc/meminfo\", type: File}}"));
/// ```
#[must_use]
pub fn pod_fragment(plan: &Plan) -> String {
    let mut text = "# Of a pod:\nvolumes:\n".to_owned();
    for mount in plan.mounts() {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  - {{name: {}, hostPath: {{path: {}, type: {}}}}}",
            volume(&mount),
            quoted(&mount.source.display().to_string()),
            kind(&mount)
        );
    }
    text.push_str("# Of each of its containers:\nvolumeMounts:\n");
    for mount in plan.mounts() {
        let _ = writeln!(
            text,
            "  - {{name: {}, mountPath: {}, readOnly: true, mountPropagation: {}}}",
            volume(&mount),
            quoted(&mount.destination.display().to_string()),
            propagation(plan)
        );
    }
    text
}

/// A policy by which the API server adds them to the pods of namespaces with the label `lxcfs.io/inject=enabled`, unless a pod
/// has the label `lxcfs.io/inject=false`. It is ignored where it fails.
///
/// ```
/// use lxcfs_core::inject::{Plan, policy};
///
/// let text = policy(&Plan::new("/var/lib/lxcfs").allowed_everywhere());
/// assert!(text.contains("kind: MutatingAdmissionPolicy\n"));
/// assert!(text.contains("failurePolicy: Ignore"));
/// ```
#[must_use]
pub fn policy(plan: &Plan) -> String {
    let volumes = join(plan, |mount| {
        format!(
            "Object.spec.volumes{{name: '{}', hostPath: Object.spec.volumes.hostPath{{path: {}, type: '{}'}}}}",
            volume(mount),
            cel(&mount.source.display().to_string()),
            kind(mount)
        )
    });
    let mounts = |list: &str| {
        join(plan, |mount| {
            format!(
                "Object.spec.{list}.volumeMounts{{name: '{}', mountPath: {}, readOnly: true, mountPropagation: '{}'}}",
                volume(mount),
                cel(&mount.destination.display().to_string()),
                propagation(plan)
            )
        })
    };
    TEMPLATE
        .replace("@VOLUMES@", &volumes)
        .replace("@CONTAINERS@", &mounts("containers"))
        .replace("@INIT_CONTAINERS@", &mounts("initContainers"))
}

const TEMPLATE: &str = "\
# Made by `lxcfs-cli inject kubernetes`. For nodes whose runtime has no NRI: the API server adds the files to pods.
# hostPath volumes are refused by the Pod Security levels `baseline` and `restricted`.
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata:
  name: lxcfs-view
spec:
  # A cluster without these files is better than one without pods.
  failurePolicy: Ignore
  reinvocationPolicy: IfNeeded
  matchConstraints:
    resourceRules:
      - apiGroups: [\"\"]
        apiVersions: [v1]
        operations: [CREATE]
        resources: [pods]
    objectSelector:
      matchExpressions:
        - {key: lxcfs.io/inject, operator: NotIn, values: [\"false\"]}
  matchConditions:
    - name: has-no-files-of-its-own
      expression: >-
        !object.spec.containers.exists(c, has(c.volumeMounts) && c.volumeMounts.exists(m, m.mountPath.startsWith('/proc/')
        && !m.name.startsWith('lxcfs-')))
    - name: has-no-machine-or-kernel-of-its-own
      expression: >-
        !has(object.spec.runtimeClassName) || !object.spec.runtimeClassName.matches('^(kata|runsc|gvisor|wasm)')
    - name: has-no-user-namespace
      expression: >-
        !has(object.spec.hostUsers) || object.spec.hostUsers
  mutations:
    - patchType: ApplyConfiguration
      applyConfiguration:
        expression: >-
          Object{spec: Object.spec{
          volumes: [
          @VOLUMES@],
          containers: object.spec.containers.map(c, Object.spec.containers{name: c.name, volumeMounts: [
          @CONTAINERS@]})}}
    - patchType: ApplyConfiguration
      applyConfiguration:
        expression: >-
          has(object.spec.initContainers) ? Object{spec: Object.spec{
          initContainers: object.spec.initContainers.map(c, Object.spec.initContainers{name: c.name, volumeMounts: [
          @INIT_CONTAINERS@]})}} : Object{}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata:
  name: lxcfs-view
spec:
  policyName: lxcfs-view
  matchResources:
    namespaceSelector:
      matchLabels:
        lxcfs.io/inject: enabled
";

fn join(plan: &Plan, word: impl Fn(&Mount) -> String) -> String {
    let words: Vec<_> = plan.mounts().iter().map(word).collect();
    words.join(",\n          ")
}

fn volume(mount: &Mount) -> String {
    format!("lxcfs-{}", mount.name())
}

fn kind(mount: &Mount) -> &'static str {
    if mount.is_directory { "Directory" } else { "File" }
}

fn propagation(plan: &Plan) -> &'static str {
    match plan.propagation() {
        Propagation::Slave => "HostToContainer",
        Propagation::Private => "None",
    }
}

/// A string of CEL.
fn cel(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_has_a_volume_and_a_place_in_each_kind_of_container() {
        let plan = Plan::new("/run/lxcfs/slots").allowed_everywhere();
        let text = policy(&plan);
        for mount in plan.mounts() {
            let name = format!("name: '{}'", volume(&mount));
            assert_eq!(text.matches(&name).count(), 3, "{name}");
        }
        assert!(!text.contains('@'), "{text}");
        assert!(!text.contains("/proc/pressure") && !text.contains("slabinfo"));
    }

    #[test]
    fn the_fragment_says_what_the_policy_says() {
        let plan = Plan::new("/s").only(|file| file == "sys/devices/system/cpu");
        assert_eq!(
            pod_fragment(&plan),
            "# Of a pod:\nvolumes:\n  - {name: lxcfs-sys-cpu, hostPath: {path: \"/s/sys/devices/system/cpu\", type: Directory}}\n\
             # Of each of its containers:\nvolumeMounts:\n  - {name: lxcfs-sys-cpu, mountPath: \"/sys/devices/system/cpu\", \
             readOnly: true, mountPropagation: HostToContainer}\n"
        );
    }

    #[test]
    fn a_path_cannot_end_a_string() {
        assert_eq!(cel("/a'b\\c"), "'/a\\'b\\\\c'");
    }
}
