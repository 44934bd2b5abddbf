//! How many connections one client address may have open, and for how long it may not listen.

use std::any::Any;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use rustix::net::{Shutdown, shutdown, sockopt};

use crate::client_address::{counted, is_trusted};
use crate::settings::{Network, Settings};

/// The connections that are open.
pub(crate) struct Connections {
    max_per_client: usize,
    send_deadline: Duration,
    trusted_proxies: Vec<Network>,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection that counts until it is dropped.
struct Slot {
    connections: Arc<Connections>,
    client: IpAddr,
}

impl Connections {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            max_per_client: settings.max_connections_per_client,
            send_deadline: settings.send_deadline,
            trusted_proxies: settings.trusted_proxies.clone(),
            open: Mutex::default(),
        }
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.values().sum()
    }

    /// Takes a new connection in, or hangs up. A trusted proxy may have any number: its clients
    /// are many.
    pub(crate) fn admit(self: &Arc<Self>, connection: &dyn Any, data: &mut Extensions) {
        let Some(socket) = socket_of(connection) else {
            return;
        };
        let admitted = self.admit_socket(socket);
        if let Ok(Some(slot)) = admitted {
            data.insert(slot);
            return;
        }
        // The dispatcher sees the end of the connection and lets go of it.
        if let Err(error) = shutdown(socket, Shutdown::Both) {
            tracing::debug!("cannot hang up: {error}");
        }
    }

    fn admit_socket(self: &Arc<Self>, socket: &TcpStream) -> std::io::Result<Option<Slot>> {
        let client = counted(socket.peer_addr()?.ip());
        // What was sent and is not taken for so long ends the connection.
        let milliseconds = self
            .send_deadline
            .as_millis()
            .try_into()
            .unwrap_or(u32::MAX);
        sockopt::set_tcp_user_timeout(socket, milliseconds)?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(client).or_default();
        if *count >= self.max_per_client && !is_trusted(client, &self.trusted_proxies) {
            tracing::debug!(%client, "too many connections");
            return Ok(None);
        }
        *count += 1;
        let connections = Arc::clone(self);
        Ok(Some(Slot {
            connections,
            client,
        }))
    }
}

fn socket_of(connection: &dyn Any) -> Option<&TcpStream> {
    let encrypted = || connection.downcast_ref::<TlsStream<TcpStream>>();
    connection
        .downcast_ref::<TcpStream>()
        .or_else(|| encrypted().map(|stream| stream.get_ref().0))
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self
            .connections
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}
