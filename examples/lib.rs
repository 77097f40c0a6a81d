//! Examples of embedding `lxcfs-core` in a container runtime. `cargo run -p lxcfs-examples --example NAME`:
//!
//! * `embed_snapshot`: the runtime already knows the limits and usage of its container;
//! * `embed_pid`: the facts are captured from the running kernel for a pid;
//! * `own_virtual_file`: a virtual file of the embedder's own, from the same view.

// The blocks of Rust in these pages are tests of this package: `cargo test -p lxcfs-examples --doc`.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../docs/embedding.md")]
struct Embedding;
