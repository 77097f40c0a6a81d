//! `lxcfs-cli inject`: what to tell an engine, a runtime or a cluster so that containers have the files.

mod args;
mod found;
mod install;

use std::io::Write;
use std::path::{Path, PathBuf};

use lxcfs_core::inject::{self as core, Hook, Plan, Release, Runtime, When};
use serde::Serialize;

use crate::failure::Failure;
use args::Form;
pub(crate) use args::Inject;
pub(crate) use install::InjectError;

pub(crate) fn inject(inject: &Inject, out: &mut dyn Write) -> Result<(), Failure> {
    let plan = plan(inject);
    if let Some(name) = unknown(&inject.files) {
        return Err(InjectError::NoSuchName { name: name.to_owned() }.into());
    }
    let text = text(inject, &plan)?;
    if !inject.install {
        return Ok(out.write_all(text.as_bytes())?);
    }
    let installed = install::install(inject.form, inject.dir.as_deref(), &text)?;
    writeln!(out, "{}: written; {}", installed.path.display(), installed.then)?;
    if !inject.source.is_absolute() || !is_there(&inject.source) {
        writeln!(
            out,
            "{}: nothing is mounted there yet; start the daemon before containers",
            inject.source.display()
        )?;
    }
    Ok(())
}

/// The mounts that are told of.
fn plan(inject: &Inject) -> Plan {
    let plan = Plan::new(&inject.source).with_propagation(inject.propagation.of_mounts());
    let plan = match (inject.runtime.as_slice(), inject.form) {
        ([], Form::Kubernetes) => plan.allowed_everywhere(),
        ([], Form::Lxc) => plan.allowed_by(&[Release::any(Runtime::Lxc)]),
        ([], _) => match found::releases().as_slice() {
            [] => plan.allowed_everywhere(),
            found => plan.allowed_by(found),
        },
        (told, _) => plan.allowed_by(told),
    };
    let plan = plan.only(|file| inject.files.is_empty() || inject.files.iter().any(|name| core::is_named(file, name)));
    match inject.form {
        // Other machines, and other kernels.
        Form::Kubernetes => plan,
        // A runtime that finds no file to mount over tries to make one, which it cannot in /proc.
        _ => plan.only(|file| Path::new("/").join(file).exists()),
    }
}

/// A name that means no file.
fn unknown(names: &[String]) -> Option<&str> {
    let is_known = |name: &&String| core::mounted_files().any(|file| core::is_named(file, name));
    names.iter().find(|name| !is_known(name)).map(String::as_str)
}

fn text(inject: &Inject, plan: &Plan) -> Result<String, Failure> {
    let lines = |words: Vec<String>| words.into_iter().map(|word| word + "\n").collect();
    Ok(match inject.form {
        Form::Cdi => json(&core::cdi(plan, Some(&hook(inject, true)?))),
        Form::Hook => {
            let when = if inject.all { When::Always } else { When::Annotated };
            json(&core::hooks_d(&hook(inject, inject.psi)?, when))
        }
        Form::Docker => lines(core::docker_flags(plan)),
        Form::Podman => lines(core::podman_flags(plan)),
        Form::Compose => core::compose(plan),
        Form::ContainersConf => core::containers_conf(plan),
        Form::Lxc => core::lxc_include(plan),
        Form::Kubernetes if inject.fragment => core::pod_fragment(plan),
        Form::Kubernetes => core::policy(plan),
        Form::Oci => json(&core::oci_mounts(plan)),
    })
}

fn hook(inject: &Inject, psi: bool) -> Result<Hook, Failure> {
    let program = match &inject.program {
        Some(program) => program.clone(),
        None => std::env::current_exe().map_err(Failure::file("/proc/self/exe", "cannot find this program"))?,
    };
    Ok(Hook {
        program,
        source: inject.source.clone(),
        psi,
        strict: inject.strict,
    })
}

fn json(value: &impl Serialize) -> String {
    // What is made of strings, lists and maps is always JSON.
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    text + "\n"
}

/// Whether something is mounted there. Asks mountinfo: a daemon that hangs would make this hang too.
fn is_there(source: &PathBuf) -> bool {
    let mountinfo = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
    lxcfs_core::mountinfo::mounts(&mountinfo).any(|mount| mount.point.starts_with(source))
}
