//! One connection to a runtime, from our registration to its end.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use prost::Message as _;

use crate::error::Error;
use crate::messages::{RUNTIME_SERVICE, RegisterPluginRequest};
use crate::mux::{self, Demux};
use crate::plugin::Plugin;
use crate::ttrpc::{self, Assembler, Incoming, Request, Response, Status, code};

/// How long the runtime may take until it has asked what we want. After that it calls when it has something to say.
const REGISTRATION: Duration = Duration::from_secs(15);
/// How long an answer may wait to be taken.
const WRITE: Duration = Duration::from_secs(10);
/// The stream of our only call.
const OUR_CALL: u32 = 1;

/// Registers the plugin, and answers calls until the connection ends, which it always does with an error.
pub(crate) fn converse(stream: &UnixStream, name: &str, index: &str, plugin: &mut Plugin<'_>) -> Error {
    let mut conversation = Conversation {
        stream,
        plugin,
        deadline: Instant::now().checked_add(REGISTRATION),
        demux: Demux::default(),
        calls: Assembler::default(),
        answers: Assembler::default(),
    };
    match conversation.run(name, index) {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

struct Conversation<'c, 'p> {
    stream: &'c UnixStream,
    plugin: &'c mut Plugin<'p>,
    /// Until when we are to be asked what we want.
    deadline: Option<Instant>,
    demux: Demux,
    /// On the connection where we are called.
    calls: Assembler,
    /// On the connection where we call.
    answers: Assembler,
}

impl Conversation<'_, '_> {
    fn run(&mut self, name: &str, index: &str) -> Result<std::convert::Infallible, Error> {
        self.stream.set_write_timeout(Some(WRITE))?;
        self.register(name, index)?;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let length = self.read(&mut buffer)?;
            self.take(buffer.get(..length).unwrap_or_default())?;
        }
    }

    fn register(&self, name: &str, index: &str) -> Result<(), Error> {
        let register = RegisterPluginRequest {
            plugin_name: name.to_owned(),
            plugin_idx: index.to_owned(),
        };
        let call = Request {
            service: RUNTIME_SERVICE.to_owned(),
            method: "RegisterPlugin".to_owned(),
            payload: register.encode_to_vec(),
            timeout_nano: i64::try_from(REGISTRATION.as_nanos()).unwrap_or(i64::MAX),
        };
        self.send(mux::RUNTIME, OUR_CALL, ttrpc::REQUEST, &call.encode_to_vec())
    }

    /// Reads what there is, or waits for it.
    fn read(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        loop {
            let left = match self.deadline {
                Some(_) if self.plugin.is_configured() => None,
                Some(deadline) => match deadline.saturating_duration_since(Instant::now()) {
                    Duration::ZERO => return Err(Error::Silent),
                    left => Some(left),
                },
                None => None,
            };
            self.stream.set_read_timeout(left)?;
            let mut stream = self.stream;
            return match stream.read(buffer) {
                Ok(0) => Err(Error::Closed),
                Ok(length) => Ok(length),
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => continue,
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Err(Error::Silent),
                    io::ErrorKind::ConnectionReset => Err(Error::Closed),
                    _ => Err(error.into()),
                },
            };
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let (mut calls, mut answers) = (Vec::new(), Vec::new());
        let mut wrong = None;
        let Self {
            demux,
            calls: call_assembler,
            answers: answer_assembler,
            ..
        } = self;
        demux.feed(bytes, |connection, bytes| {
            let fed = match connection {
                mux::PLUGIN => call_assembler.feed(bytes, &mut calls),
                mux::RUNTIME => answer_assembler.feed(bytes, &mut answers),
                // Nobody is there.
                _ => Ok(()),
            };
            wrong = wrong.or(fed.err());
        })?;
        for answer in answers {
            registered(&answer)?;
        }
        for call in calls {
            self.answer(&call)?;
        }
        wrong.map_or(Ok(()), |wrong| Err(wrong.into()))
    }

    fn answer(&mut self, call: &Incoming) -> Result<(), Error> {
        // No answer at all: the runtime then goes on without us, where an error would end a container.
        let not_understood = Error::NotUnderstood { kind: call.kind };
        if call.kind != ttrpc::REQUEST {
            return Err(not_understood);
        }
        let Ok(request) = Request::decode(call.payload.as_slice()) else {
            return Err(not_understood);
        };
        let called = catch_unwind(AssertUnwindSafe(|| {
            self.plugin.call(&request.service, &request.method, &request.payload)
        }));
        let response = match called {
            Ok(Ok(payload)) => Response {
                // Older runtimes look into it without asking whether there is one.
                status: Some(Status::default()),
                payload,
            },
            Ok(Err(status)) => {
                tracing::debug!(method = request.method, code = status.code, status.message);
                Response {
                    status: Some(status),
                    payload: Vec::new(),
                }
            }
            Err(_) => {
                return Err(Error::Panicked { method: request.method });
            }
        };
        self.send(mux::PLUGIN, call.stream, ttrpc::RESPONSE, &response.encode_to_vec())
    }

    fn send(&self, connection: u32, stream: u32, kind: u8, payload: &[u8]) -> Result<(), Error> {
        let mut frames = Vec::new();
        mux::frame(connection, &ttrpc::message(stream, kind, payload), &mut frames);
        let mut socket = self.stream;
        Ok(socket.write_all(&frames)?)
    }
}

/// Whether the runtime has taken us.
fn registered(answer: &Incoming) -> Result<(), Error> {
    if answer.stream != OUR_CALL || answer.kind != ttrpc::RESPONSE {
        return Err(Error::NotUnderstood { kind: answer.kind });
    }
    let Ok(response) = Response::decode(answer.payload.as_slice()) else {
        return Err(Error::NotUnderstood { kind: answer.kind });
    };
    match response.status {
        Some(Status { code, message }) if code != code::OK => Err(Error::Refused { code, message }),
        _ => Ok(()),
    }
}
