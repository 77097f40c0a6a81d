//! The FUSE glue around [`lxcfs_core`]. The file system is not part of this release yet; the crate holds its place.
