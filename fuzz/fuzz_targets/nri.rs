//! Whatever a runtime sends is taken apart the same way in any pieces, and what is refused is refused at the same place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lxcfs_nri::messages::{Container, PodSandbox, StateChangeEvent, SynchronizeRequest};
use lxcfs_nri::mux::{self, Demux};
use lxcfs_nri::policy::{ByDefault, Policy};
use lxcfs_nri::ttrpc::{self, Assembler, Incoming, Request};
use prost::Message as _;

/// The messages of the plugin's connection up to the first mistake, and whether there is one.
fn messages(bytes: &[u8], pieces: usize) -> (Vec<Incoming>, bool) {
    let (mut demux, mut assembler) = (Demux::default(), Assembler::default());
    let mut whole = Vec::new();
    let mut wrong = false;
    for piece in bytes.chunks(pieces) {
        let fed = demux.feed(piece, |connection, bytes| {
            if connection == mux::PLUGIN && !wrong {
                wrong = assembler.feed(bytes, &mut whole).is_err();
            }
        });
        if wrong || fed.is_err() {
            return (whole, true);
        }
    }
    (whole, false)
}

fuzz_target!(|input: (&[u8], u8, &[u8])| {
    let (bytes, pieces, message) = input;
    let (all, wrong) = messages(bytes, bytes.len().max(1));
    assert_eq!(messages(bytes, usize::from(pieces).max(1)), (all.clone(), wrong));
    let size: usize = all.iter().map(|one| one.payload.len()).sum();
    assert!(size <= bytes.len());

    // What we send is understood.
    let mut frames = Vec::new();
    mux::frame(mux::PLUGIN, &ttrpc::message(7, ttrpc::RESPONSE, message), &mut frames);
    let sent = Incoming {
        stream: 7,
        kind: ttrpc::RESPONSE,
        payload: message.to_vec(),
    };
    assert_eq!(messages(&frames, usize::from(pieces).max(1)), (vec![sent], false));

    // Any message is understood or refused, and any container chosen for.
    let _ = Request::decode(message);
    let _ = StateChangeEvent::decode(message);
    let policy = Policy {
        default: ByDefault::Inject,
        ..Policy::default()
    };
    let told = SynchronizeRequest::decode(message).unwrap_or_default();
    let (pod, container) = (PodSandbox::default(), Container::default());
    for pod in told.pods.iter().chain([&pod]) {
        for container in told.containers.iter().chain([&container]) {
            let mut odd = Vec::new();
            let _ = policy.choose(pod, container, &mut odd);
        }
    }
});
