//! A runtime as a plugin sees one: it knows what containerd's side of NRI puts up with, and drops who goes beyond.
//!
//! It takes frames and messages apart by itself, not with what it tests.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lxcfs_nri::messages::{
    ConfigureRequest, ConfigureResponse, ContainerRequest, CreateContainerResponse, RegisterPluginRequest,
    SynchronizeRequest, SynchronizeResponse,
};
use lxcfs_nri::ttrpc::{Request, Response, Status};
use lxcfs_testing::{PATIENCE, becomes_true};
use prost::Message;

/// The buffer that it reads with: a frame that is longer does not fit.
const BUFFER: usize = 4096;
/// The frames of a connection that it keeps until they are read.
const QUEUE: usize = 256;
/// How long it waits for an answer.
const REQUEST: Duration = Duration::from_secs(2);
/// How long it waits for a registration.
const REGISTRATION: Duration = Duration::from_secs(5);
/// The events that it knows.
const KNOWN_EVENTS: i32 = (1 << 14) - 1;

const PLUGIN: u32 = 1;
const RUNTIME: u32 = 2;

/// That long, on a machine that is not emulated.
fn limit(limit: Duration) -> Duration {
    let slower = std::env::var("LXCFS_TESTS_SLOWER").map_or(1, |text| text.parse().unwrap());
    limit * slower
}

/// The plugin has been dropped, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dropped(pub(crate) String);

fn dropped<T>(why: &(impl ToString + ?Sized)) -> Result<T, Dropped> {
    Err(Dropped(why.to_string()))
}

/// Where plugins connect to.
pub(crate) struct Runtime {
    listener: UnixListener,
    path: PathBuf,
}

impl Runtime {
    pub(crate) fn at(path: &Path) -> Self {
        let _ = std::fs::remove_file(path);
        let listener = UnixListener::bind(path).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self {
            listener,
            path: path.to_owned(),
        }
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.path
    }

    /// The next plugin that connects, before it has said anything.
    pub(crate) fn connection(&self) -> Link {
        let mut connected = None;
        let came = becomes_true(PATIENCE, || {
            connected = self.listener.accept().ok();
            connected.is_some()
        });
        assert!(came, "no plugin connects");
        let (stream, _) = connected.unwrap();
        stream.set_nonblocking(false).unwrap();
        Link {
            stream,
            next: 1,
            frames: 0,
            buffered: Vec::new(),
            pieces: BUFFER,
        }
    }

    /// The next plugin that connects, registered and configured.
    pub(crate) fn plugin(&self) -> Link {
        let mut link = self.connection();
        link.register().unwrap();
        link.configure("containerd").unwrap();
        link
    }
}

/// A connection with a plugin.
pub(crate) struct Link {
    stream: UnixStream,
    next: u32,
    /// Frames of which nothing has been used yet.
    frames: usize,
    /// Connection, stream, kind and payload of what has come.
    buffered: Vec<(u32, Vec<u8>)>,
    /// How long the frames are that it sends.
    pub(crate) pieces: usize,
}

impl Link {
    /// Takes the registration, and answers that it is well.
    pub(crate) fn register(&mut self) -> Result<RegisterPluginRequest, Dropped> {
        self.stream.set_read_timeout(Some(limit(REGISTRATION))).unwrap();
        let (stream, request) = self.registration()?;
        self.send(RUNTIME, stream, 2, &Response::default().encode_to_vec());
        Ok(request)
    }

    /// Takes the registration, and refuses it.
    pub(crate) fn refuse(&mut self, message: &str) {
        let (stream, _) = self.registration().unwrap();
        let status = Status {
            code: 2,
            message: message.to_owned(),
        };
        let response = Response {
            status: Some(status),
            payload: Vec::new(),
        };
        self.send(RUNTIME, stream, 2, &response.encode_to_vec());
    }

    fn registration(&mut self) -> Result<(u32, RegisterPluginRequest), Dropped> {
        let (stream, kind, payload) = self.message(RUNTIME)?;
        if kind != 1 || stream % 2 == 0 {
            return dropped(&format!("a message of kind {kind} on stream {stream}"));
        }
        let request = Request::decode(payload.as_slice()).unwrap();
        assert_eq!(
            (request.service.as_str(), request.method.as_str()),
            ("nri.pkg.api.v1alpha1.Runtime", "RegisterPlugin")
        );
        let register = RegisterPluginRequest::decode(request.payload.as_slice()).unwrap();
        let digits = register.plugin_idx.chars().filter(char::is_ascii_digit).count();
        if digits != 2 || register.plugin_idx.len() != 2 || register.plugin_name.is_empty() {
            return dropped("a name or an index that cannot be");
        }
        Ok((stream, register))
    }

    /// Asks what it wants to hear of.
    pub(crate) fn configure(&mut self, runtime: &str) -> Result<i32, Dropped> {
        let request = ConfigureRequest {
            runtime_name: runtime.to_owned(),
            runtime_version: "0".to_owned(),
            request_timeout: 2000,
            registration_timeout: 5000,
            ..ConfigureRequest::default()
        };
        let response: ConfigureResponse = self.well("Configure", &request)?;
        if response.events & !KNOWN_EVENTS != 0 {
            return dropped("events that the runtime does not know");
        }
        Ok(response.events)
    }

    pub(crate) fn synchronize(&mut self, part: &SynchronizeRequest) -> Result<(), Dropped> {
        let response: SynchronizeResponse = self.well("Synchronize", part)?;
        if response.more != part.more {
            return dropped("a plugin that does not understand parts");
        }
        Ok(())
    }

    pub(crate) fn create(&mut self, request: &ContainerRequest) -> Result<CreateContainerResponse, Dropped> {
        self.well("CreateContainer", request)
    }

    /// Calls, and takes an answer that says that all is well.
    pub(crate) fn well<T: Message + Default>(&mut self, method: &str, argument: &impl Message) -> Result<T, Dropped> {
        let response = self.call("nri.pkg.api.v1alpha1.Plugin", method, &argument.encode_to_vec())?;
        let status = response.status.unwrap_or_default();
        assert_eq!(status, Status::default(), "{method}");
        Ok(T::decode(response.payload.as_slice()).unwrap())
    }

    /// Calls, and waits as long as containerd does.
    pub(crate) fn call(&mut self, service: &str, method: &str, payload: &[u8]) -> Result<Response, Dropped> {
        self.stream.set_read_timeout(Some(limit(REQUEST))).unwrap();
        let call = Request {
            service: service.to_owned(),
            method: method.to_owned(),
            payload: payload.to_vec(),
            timeout_nano: 2_000_000_000,
        };
        let stream = self.next;
        self.next += 2;
        self.send(PLUGIN, stream, 1, &call.encode_to_vec());
        let (answered, kind, payload) = self.message(PLUGIN)?;
        if (answered, kind) != (stream, 2) {
            return dropped(&format!("a message of kind {kind} on stream {answered}"));
        }
        Ok(Response::decode(payload.as_slice()).unwrap())
    }

    fn send(&mut self, connection: u32, stream: u32, kind: u8, payload: &[u8]) {
        let mut message = u32::try_from(payload.len()).unwrap().to_be_bytes().to_vec();
        message.extend(stream.to_be_bytes());
        message.extend([kind, 0]);
        message.extend(payload);
        for piece in message.chunks(self.pieces) {
            let mut frame = connection.to_be_bytes().to_vec();
            frame.extend(u32::try_from(piece.len()).unwrap().to_be_bytes());
            frame.extend(piece);
            self.raw(&frame);
        }
    }

    /// Sends bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        // The plugin may have gone: what is read next says so.
        let _ = self.stream.write_all(bytes);
    }

    /// The next message of a connection.
    fn message(&mut self, connection: u32) -> Result<(u32, u8, Vec<u8>), Dropped> {
        let header = self.bytes(connection, 10)?;
        let number = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().unwrap());
        let payload = self.bytes(connection, usize::try_from(number(0)).unwrap())?;
        self.frames = 0;
        Ok((number(4), header[8], payload))
    }

    fn bytes(&mut self, connection: u32, count: usize) -> Result<Vec<u8>, Dropped> {
        loop {
            let place = self.buffered.iter().position(|(other, _)| *other == connection);
            if let Some(place) = place {
                let (_, bytes) = &mut self.buffered[place];
                if bytes.len() >= count {
                    return Ok(bytes.drain(..count).collect());
                }
            }
            if count == 0 {
                return Ok(Vec::new());
            }
            let (from, piece) = self.frame()?;
            match self.buffered.iter_mut().find(|(other, _)| *other == from) {
                Some((_, bytes)) => bytes.extend(piece),
                None => self.buffered.push((from, piece)),
            }
        }
    }

    fn frame(&mut self) -> Result<(u32, Vec<u8>), Dropped> {
        let mut header = [0; 8];
        self.read(&mut header)?;
        let connection = u32::from_be_bytes(header[..4].try_into().unwrap());
        let length = usize::try_from(u32::from_be_bytes(header[4..].try_into().unwrap())).unwrap();
        if length > BUFFER {
            return dropped(&format!("a frame of {length} bytes"));
        }
        self.frames += 1;
        if self.frames > QUEUE {
            return dropped("too many frames");
        }
        let mut piece = vec![0; length];
        self.read(&mut piece)?;
        Ok((connection, piece))
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Dropped> {
        self.stream.read_exact(bytes).or_else(|error| match error.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => dropped("closed"),
            ErrorKind::WouldBlock | ErrorKind::TimedOut => dropped("no answer in time"),
            kind => dropped(&kind),
        })
    }

    /// Whether the plugin closes the connection.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        self.frame() == dropped("closed")
    }
}
