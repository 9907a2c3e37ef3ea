//! Connections: each has a thread, which reads a request, answers it, and reads the next.

use super::{
    admin, ambient,
    answer::Answer,
    chance,
    channel::Channel,
    delivery::{self, After},
    device,
    fault::{Kind, Listener},
    graph,
    journal::Seen,
    login::{self, Form},
    shared::Shared,
    waiting::lock,
    wire::{self, Request},
};
use jiff::Timestamp;
use rustls::ServerConfig;
use serde_json::Value;
use std::{
    io::{self, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// A listener and its connections.
pub struct Server {
    /// Which of the three it is.
    pub listener: Listener,
    /// What it shares with the others.
    pub shared: Arc<Shared>,
    /// How TLS is done, if it is.
    pub tls: Option<Arc<ServerConfig>>,
    /// Numbers connections over all listeners.
    pub connections: Arc<AtomicU64>,
    open: Mutex<Vec<(Weak<TcpStream>, JoinHandle<()>)>>,
}

impl Server {
    /// A server of one listener.
    pub fn new(
        listener: Listener,
        shared: Arc<Shared>,
        tls: Option<Arc<ServerConfig>>,
        connections: Arc<AtomicU64>,
    ) -> Self {
        Self {
            listener,
            shared,
            tls,
            connections,
            open: Mutex::default(),
        }
    }

    /// Accepts connections until the emulator is stopped, then waits for those that are open.
    pub fn run(self: &Arc<Self>, sockets: &TcpListener) {
        for socket in sockets.incoming() {
            if self.shared.stop.is_stopped() {
                break;
            }
            match socket {
                Ok(socket) => self.open(socket),
                // Out of descriptors, most likely: some may be free soon.
                Err(_) => self.shared.stop.sleep(Duration::from_millis(20)),
            }
        }
        let open = std::mem::take(&mut *lock(&self.open));
        for (socket, _) in &open {
            if let Some(socket) = socket.upgrade() {
                let _ = socket.shutdown(Shutdown::Both);
            }
        }
        for (_, thread) in open {
            let _ = thread.join();
        }
    }

    fn open(self: &Arc<Self>, socket: TcpStream) {
        let _ = socket.set_nodelay(true);
        let peer = socket.peer_addr().ok();
        let socket = Arc::new(socket);
        let weak = Arc::downgrade(&socket);
        let server = Arc::clone(self);
        let thread = thread::Builder::new().spawn(move || {
            let number = server.connections.fetch_add(1, Ordering::Relaxed) + 1;
            if let Ok(channel) = Channel::new(socket, server.tls.as_ref()) {
                server.serve(channel, number, peer);
            }
        });
        let mut open = lock(&self.open);
        open.retain(|(_, thread)| !thread.is_finished());
        if let Ok(thread) = thread {
            open.push((weak, thread));
        }
    }

    fn serve(&self, mut channel: Channel, connection: u64, peer: Option<SocketAddr>) {
        let mut buffer = Vec::new();
        loop {
            let mut request = match wire::read(&mut channel, &mut buffer) {
                Ok(Some(request)) => request,
                Ok(None) => return channel.close(),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    let text = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
                    let _ = channel.write_all(text);
                    return channel.close();
                }
                Err(_) => return,
            };
            request.peer = peer;
            match self.exchange(&mut channel, &request, connection) {
                Some(After::Keep) if !self.shared.stop.is_stopped() => {}
                Some(_) => return channel.close(),
                None => return channel.reset(),
            }
        }
    }

    /// Answers one request; `None` if the connection is to be reset.
    fn exchange(&self, channel: &mut Channel, request: &Request, connection: u64) -> Option<After> {
        let shared = &*self.shared;
        let body = match self.listener {
            Listener::Exchange | Listener::Graph => {
                serde_json::from_slice(&request.body).unwrap_or_default()
            }
            Listener::Login => Value::Null,
        };
        let mut seen = self.arrived(request, &body, connection);
        shared.stop.sleep(shared.options.latency);
        match seen.fault {
            Some(Kind::Refuse) => {
                self.settled(&seen);
                return None;
            }
            Some(Kind::Hang) => {
                self.settled(&seen);
                while channel.awaits(Duration::from_millis(50)) && !shared.stop.is_stopped() {}
                return Some(After::Close);
            }
            Some(Kind::HoldBefore) => shared.gate.hold(&shared.stop),
            _ => {}
        }
        let spoiled = seen
            .fault
            .and_then(|kind| delivery::instead(shared, kind, &seen));
        let answer = spoiled.unwrap_or_else(|| self.answer(request, &body, &seen));
        seen.carried_out = answer.carried_out;
        if seen.fault == Some(Kind::HoldAfter) {
            shared.gate.hold(&shared.stop);
        }
        if seen.fault == Some(Kind::LostAnswer) {
            self.settled(&seen);
            return None;
        }
        seen.status = answer.status;
        self.settled(&seen);
        delivery::send(shared, channel, request, &seen, answer).ok()
    }

    fn arrived(&self, request: &Request, body: &Value, connection: u64) -> Seen {
        let call = match self.listener {
            Listener::Graph => graph::operation(request).map(|name| (name, body)),
            _ => admin::envelope(body),
        };
        let cmdlet = call.map(|(name, _)| name.to_owned());
        let parameters = match self.listener {
            Listener::Exchange | Listener::Graph => call.map(|(_, parameters)| parameters.clone()),
            Listener::Login => Some(Form::of(request).public()),
        };
        let header = |name| request.header(name).map(str::to_owned);
        self.shared.journal.arrived(Seen {
            number: 0,
            listener: self.listener,
            connection,
            method: request.method.clone(),
            path: request.target.clone(),
            fault: self.shared.faults.due(self.listener, cmdlet.as_deref()),
            cmdlet,
            parameters: parameters.unwrap_or_default(),
            status: 0,
            carried_out: false,
            request_id: chance::guid(),
            client_request_id: header("client-request-id"),
            anchor_mailbox: header("x-anchormailbox"),
            authorization: request.header("authorization").is_some(),
            time: Timestamp::now(),
        })
    }

    fn settled(&self, seen: &Seen) {
        self.shared.journal.settled(seen);
        if let Some(log) = self.shared.options.log {
            log(seen);
        }
    }

    fn answer(&self, request: &Request, body: &Value, seen: &Seen) -> Answer {
        let (shared, fault) = (&*self.shared, seen.fault);
        match self.listener {
            Listener::Exchange => return admin::answer(shared, request, body, fault),
            Listener::Graph => {
                let client = seen.client_request_id.as_deref();
                return graph::answer(shared, request, body, fault)
                    .unwrap_or_else(|problem| problem.answer(shared, &seen.request_id, client));
            }
            Listener::Login => {}
        }
        if fault == Some(Kind::ExpireToken) {
            shared.expire_tokens();
        }
        let segments = request.segments();
        let parts: Vec<_> = segments.iter().map(String::as_str).collect();
        let answer = match (request.method.as_str(), parts.as_slice()) {
            ("POST", [tenant, "oauth2", "v2.0", "token"]) => login::token(shared, request, tenant),
            ("POST", [tenant, "oauth2", "v2.0", "devicecode"]) => {
                device::begin(shared, request, tenant)
            }
            ("GET", ["github-oidc"]) => Ok(ambient::github(shared, request)),
            ("GET", ["metadata", "identity", "oauth2", "token"]) => {
                Ok(ambient::metadata(shared, request))
            }
            ("GET", ["msi", "token"]) => Ok(ambient::app_service(shared, request)),
            _ => Ok(Answer::empty(404)),
        };
        answer.unwrap_or_else(|denial| denial.answer(shared.clock))
    }
}

/// Lets an accepting thread notice that it is to end.
pub fn wake(address: SocketAddr) {
    let _ = TcpStream::connect_timeout(&address, Duration::from_secs(1));
}
