//! The DaemonSet's rolling update, by hand: pods that are Podman's containers, with what the example says of its daemon, while
//! containers read.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "this is test code"
)]

mod example;
mod node;
mod reader;

use lxcfs_testing::wait_until;

use node::Node;
use reader::{Reader, Seen};

/// Nothing but what is its own.
fn all_is_well(readers: &[Reader<'_>], pods: &str) {
    for reader in readers {
        reader.reads_on();
        let seen = reader.seen();
        assert!(seen.own > 0, "{seen:?}\n{pods}");
        assert_eq!(
            seen,
            Seen {
                own: seen.own,
                ..Seen::default()
            },
            "{pods}"
        );
    }
}

#[test]
fn no_read_fails_while_one_pod_follows_another_and_none_shows_the_host_when_there_is_no_pod() {
    let Some(node) = Node::new() else { return };
    let mut pods = vec![node.pod(&[])];
    let readers = [node.reader(), node.reader()];
    all_is_well(&readers, &node.log());

    for update in 0..4 {
        let old = pods.pop().unwrap();
        let new = if update % 2 == 0 {
            // As Kubernetes does it: the old one is told to end when the new one is ready.
            let new = node.pod(&[]);
            // A container that has ended would be started again, and take the mount back.
            assert!(old.runs(), "it waits to be told to end\n{}", node.log());
            old.stop();
            new
        } else {
            // The old one is told first, as when its node's pods are deleted: it serves until there is another.
            std::thread::scope(|scope| {
                let stopping = scope.spawn(|| old.stop());
                let new = node.pod(&[]);
                stopping.join().unwrap();
                new
            })
        };
        pods.push(new);
        all_is_well(&readers, &node.log());
    }
    let (before, _) = (readers[0].seen(), readers[1].seen());
    #[expect(clippy::print_stdout, reason = "a test's own output")]
    {
        println!("4 updates: {} reads of the first reader, none failed", before.own);
    }

    // One whose mount ends soon after it is told, for the test's sake.
    let last = node.pod(&["--keep-deadline=3"]);
    pods.pop().unwrap().stop();
    all_is_well(&readers, &node.log());
    last.stop();
    for reader in &readers {
        wait_until("nothing is served any more", || reader.seen().disconnected > 0);
        reader.reads_on();
        let seen = reader.seen();
        assert_eq!((seen.host, seen.other), (0, 0), "{seen:?}\n{}", node.log());
    }

    // What was bound when there was a daemon comes back with the next one.
    let _next = node.pod(&[]);
    for reader in &readers {
        let lost = reader.seen();
        wait_until("containers that run have their files again", || {
            reader.seen().own > lost.own
        });
        let seen = reader.seen();
        assert_eq!((seen.host, seen.other), (0, 0), "{seen:?}\n{}", node.log());
    }
}
