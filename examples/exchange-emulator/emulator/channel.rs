//! One connection, with or without TLS, that can be closed properly or be reset.

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

/// A connection.
pub enum Channel {
    /// As it is.
    Plain(Lagging),
    /// Under TLS.
    Tls(Box<StreamOwned<ServerConnection, Lagging>>),
}

impl Channel {
    /// A connection over a socket, under TLS if there is a configuration for it.
    pub fn new(socket: Arc<TcpStream>, tls: Option<&Arc<ServerConfig>>) -> io::Result<Self> {
        let socket = Lagging {
            socket,
            owed: false,
        };
        let Some(config) = tls else {
            return Ok(Self::Plain(socket));
        };
        let session = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        Ok(Self::Tls(Box::new(StreamOwned::new(session, socket))))
    }

    /// Closes it so that everything written arrives.
    pub fn close(mut self) {
        if let Self::Tls(stream) = &mut self {
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
        self.socket().settle();
    }

    /// Closes it so that the other side is told of a reset: the byte that is still owed is left unread.
    pub fn reset(self) {
        drop(self);
    }

    /// Whether the other side is still there after so long, whatever it sends meanwhile.
    pub fn awaits(&mut self, time: Duration) -> bool {
        let socket = self.socket();
        socket.settle();
        let _ = socket.socket.set_read_timeout(Some(time));
        match (&*socket.socket).read(&mut [0; 1 << 10]) {
            Ok(count) => count > 0,
            Err(error) => matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
            ),
        }
    }

    fn socket(&mut self) -> &mut Lagging {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &mut stream.sock,
        }
    }
}

impl Read for Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// A socket of which the last byte handed on stays unread until more is wanted.
///
/// A socket closed with something unread sends a reset instead of an end. The standard library has
/// no other way to make one.
pub struct Lagging {
    socket: Arc<TcpStream>,
    owed: bool,
}

impl Lagging {
    /// Reads the byte that was handed on already.
    fn settle(&mut self) {
        if self.owed {
            self.owed = false;
            let _ = (&*self.socket).read_exact(&mut [0]);
        }
    }
}

impl Read for Lagging {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.settle();
        let count = self.socket.peek(buffer)?;
        if let Some(all_but_one) = buffer.get_mut(..count.saturating_sub(1)) {
            (&*self.socket).read_exact(all_but_one)?;
        }
        self.owed = count > 0;
        Ok(count)
    }
}

impl Write for Lagging {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.socket).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.socket).flush()
    }
}
