//! Writes a file to where an engine looks for it, whole or not at all, and never over one that somebody else has written.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use lxcfs_core::inject::MADE_BY;

use super::args::Form;

/// The files could not be given to containers.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InjectError {
    #[error(
        "--files {name}: no such file; known are meminfo, cpuinfo, stat, uptime, loadavg, swaps, diskstats, slabinfo, pressure and sys-cpu"
    )]
    NoSuchName { name: String },
    #[error("--install: that form is no file of an engine; copy what is printed without it, or install cdi")]
    NotInstalled,
    #[error("{}: somebody else has written it; move it away, or give another --dir", path.display())]
    Foreign { path: PathBuf },
    #[error("{}: {doing}: {cause}", path.display())]
    File {
        path: PathBuf,
        doing: &'static str,
        cause: io::Error,
    },
}

/// Where a form goes.
struct Place {
    dir: &'static str,
    name: &'static str,
    /// What is in every such file of ours and in no other.
    mark: &'static str,
    /// What is to be done then.
    then: &'static str,
}

impl Place {
    fn of(form: Form) -> Option<Self> {
        Some(match form {
            Form::Cdi => Self {
                dir: "/etc/cdi",
                name: "lxcfs.json",
                mark: "\"kind\": \"lxcfs.io/view\"",
                then: "nothing is to be restarted: containers with --device lxcfs.io/view=default have the files \
                       (Docker before 28.2: set \"features\": {\"cdi\": true} in /etc/docker/daemon.json, and restart it)",
            },
            Form::Hook => Self {
                dir: "/usr/share/containers/oci/hooks.d",
                name: "50-lxcfs.json",
                mark: "\"create-container\"",
                then: "restart CRI-O; Podman's new containers with --annotation lxcfs.io/inject=true have the files",
            },
            Form::ContainersConf => Self {
                dir: "/etc/containers/containers.conf.d",
                name: "50-lxcfs.conf",
                mark: MADE_BY,
                then: "nothing is to be restarted: new containers of Podman have the files",
            },
            Form::Lxc => Self {
                dir: "/usr/share/lxc/config/common.conf.d",
                name: "50-lxcfs.conf",
                mark: MADE_BY,
                then: "restart containers whose configuration includes common.conf",
            },
            Form::Docker | Form::Podman | Form::Compose | Form::Kubernetes | Form::Oci => return None,
        })
    }
}

/// What has been written, and what to do then.
pub(super) struct Installed {
    pub(super) path: PathBuf,
    pub(super) then: &'static str,
}

/// Writes the file of that form, into that directory or the usual one.
pub(super) fn install(form: Form, dir: Option<&Path>, text: &str) -> Result<Installed, InjectError> {
    let place = Place::of(form).ok_or(InjectError::NotInstalled)?;
    let dir = dir.unwrap_or_else(|| Path::new(place.dir));
    let path = dir.join(place.name);
    let file = |doing| {
        let path = path.clone();
        move |cause| InjectError::File { path, doing, cause }
    };
    match fs::read_to_string(&path) {
        Ok(there) if there.contains(place.mark) => {}
        Ok(_) => return Err(InjectError::Foreign { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(file("cannot be read")(error)),
    }
    fs::create_dir_all(dir).map_err(file("cannot make its directory"))?;
    let mut new = tempfile::Builder::new()
        // Engines read what ends as their files do.
        .prefix(".lxcfs.")
        .suffix(".new")
        .tempfile_in(dir)
        .map_err(file("cannot be written"))?;
    new.write_all(text.as_bytes()).map_err(file("cannot be written"))?;
    // Whatever the umask is: others read it as well.
    new.as_file()
        .set_permissions(Permissions::from_mode(0o644))
        .map_err(file("cannot be written"))?;
    new.as_file().sync_all().map_err(file("cannot be written"))?;
    new.persist(&path)
        .map_err(|error| file("cannot be put in its place")(error.error))?;
    Ok(Installed { path, then: place.then })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_ours_is_replaced_and_any_other_kept() {
        let dir = tempfile::tempdir().unwrap();
        let write = |form, text: &str| install(form, Some(dir.path()), text).map(|installed| installed.path);
        let ours = format!("{MADE_BY}\n[containers]\n");
        let path = write(Form::ContainersConf, &ours).unwrap();
        assert_eq!(path, dir.path().join("50-lxcfs.conf"));
        write(Form::ContainersConf, &(ours.clone() + "#2\n")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), ours.clone() + "#2\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);

        fs::write(&path, "[containers]\n").unwrap();
        let refused = write(Form::ContainersConf, &ours).unwrap_err();
        assert!(refused.to_string().contains("somebody else"), "{refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "[containers]\n");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn what_is_no_file_is_not_installed() {
        let dir = tempfile::tempdir().unwrap();
        for form in [Form::Docker, Form::Podman, Form::Compose, Form::Kubernetes, Form::Oci] {
            assert!(install(form, Some(dir.path()), "").is_err(), "{form:?}");
        }
    }
}
