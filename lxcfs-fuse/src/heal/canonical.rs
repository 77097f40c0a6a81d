//! The name that mountinfo has for a mount point, found without asking the file system that is mounted there.

use std::fs;
use std::path::{Path, PathBuf};

use lxcfs_core::mountinfo::Mount;

/// As many links as the kernel follows.
const MOST_LINKS: usize = 40;

/// A path without links in it. What is not there stays as it is.
pub(super) fn canonical(path: &Path, mounts: &[Mount]) -> PathBuf {
    let mut path = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return path;
        };
        let parent = fs::canonicalize(parent).unwrap_or_else(|_| parent.to_path_buf());
        let here = parent.join(name);
        // A mount point is no link, and to ask it could take for ever.
        if mounts.iter().any(|mount| mount.point == here) {
            return here;
        }
        match fs::read_link(&here) {
            Ok(target) => path = parent.join(target),
            Err(_) => return here,
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_on_the_way_and_at_the_end_are_followed_up_to_a_mount_point() {
        let dir = tempfile::tempdir().unwrap();
        let dir = fs::canonicalize(dir.path()).unwrap();
        fs::create_dir_all(dir.join("real/mount")).unwrap();
        symlink("real", dir.join("way")).unwrap();
        symlink("way/mount", dir.join("end")).unwrap();
        symlink("loop", dir.join("loop")).unwrap();
        let line = format!("1 0 0:9 / {}/real/mount ro - fuse.lxcfs lxcfs ro", dir.display());
        let mounts = [Mount::parse(line.as_bytes()).unwrap()];
        for name in ["real/mount", "way/mount", "end"] {
            assert_eq!(canonical(&dir.join(name), &mounts), dir.join("real/mount"), "{name}");
        }
        assert_eq!(canonical(&dir.join("none"), &mounts), dir.join("none"));
        assert_eq!(canonical(Path::new("/"), &mounts), Path::new("/"));
        assert_eq!(canonical(&dir.join("loop"), &mounts), dir.join("loop"));
    }
}
