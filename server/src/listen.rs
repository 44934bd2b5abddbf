//! Listens, and serves what connections bring.
//!
//! It is what `actix_web::HttpServer` does, but that connections are read strictly (`wire`).

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{Extensions, HttpService, Protocol};
use actix_server::{GracefulShutdownSignal, Server, ServerBuilder};
use actix_service::{
    IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config,
};
use actix_tls::accept::TlsError;
use actix_tls::accept::rustls_0_23::{Acceptor, TlsStream};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpStream;
use actix_web::{App, web};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::connections::Connections;
use crate::routes;
use crate::settings::Settings;
use crate::state::State;
use crate::wire::Strict;

/// How long a refused body is read on, so that its sender gets to see why.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How many connections may wait to be taken in.
const WAITING_CONNECTIONS: i32 = 1024;
const NAME: &str = "http";

/// Begins to serve; gives the address that is listened on. The signals are left to the program.
pub(crate) fn start(
    state: &web::Data<State>,
    tls: Option<ServerConfig>,
) -> io::Result<(Server, SocketAddr)> {
    let settings = &state.settings;
    let listener = TcpListener::bind(settings.listen)?;
    // Of the standard library only 128 may wait.
    rustix::net::listen(&listener, WAITING_CONNECTIONS)?;
    let bound = listener.local_addr()?;
    let builder = Server::build()
        .workers(settings.workers)
        .max_concurrent_connections(settings.max_connections)
        .shutdown_timeout(settings.shutdown_timeout.as_secs())
        .disable_signals();
    let http = Http {
        state: state.clone(),
        stopping: builder.graceful_shutdown_signal(),
        bound,
    };
    let builder = match tls {
        None => plain(builder, listener, http)?,
        Some(config) => encrypted(builder, listener, http, config)?,
    };
    Ok((builder.run(), bound))
}

fn plain(builder: ServerBuilder, listener: TcpListener, http: Http) -> io::Result<ServerBuilder> {
    builder.listen(NAME, listener, move || {
        let accept = fn_service(|connection: TcpStream| async move {
            let peer = connection.peer_addr().ok();
            Ok((Strict::new(connection), Protocol::Http1, peer))
        });
        let served = http.service(|connections, connection: &Strict<TcpStream>, data| {
            connections.admit(connection.get_ref(), data);
        });
        accept.and_then(served)
    })
}

fn encrypted(
    builder: ServerBuilder,
    listener: TcpListener,
    http: Http,
    mut config: ServerConfig,
) -> io::Result<ServerBuilder> {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    builder.listen(NAME, listener, move || {
        let mut acceptor = Acceptor::new(config.clone());
        acceptor.set_handshake_timeout(http.settings().head_deadline);
        let served = http.service(
            |connections, connection: &Strict<TlsStream<TcpStream>>, data| {
                connections.admit(connection.get_ref(), data);
            },
        );
        acceptor
            .map_init_err(|()| ())
            .map_err(TlsError::into_service_error)
            .and_then(|connection: TlsStream<TcpStream>| async move {
                let peer = connection.get_ref().0.peer_addr().ok();
                Ok((Strict::new(connection), Protocol::Http1, peer))
            })
            .and_then(served.map_err(TlsError::Service))
    })
}

/// How HTTP is spoken.
#[derive(Clone)]
struct Http {
    state: web::Data<State>,
    stopping: GracefulShutdownSignal,
    bound: SocketAddr,
}

impl Http {
    fn settings(&self) -> &Settings {
        &self.state.settings
    }

    /// Serves connections of one kind; `admit` counts each when it comes.
    fn service<T, F>(
        &self,
        admit: F,
    ) -> impl ServiceFactory<
        (T, Protocol, Option<SocketAddr>),
        Config = (),
        Response = (),
        Error = DispatchError,
        InitError = (),
    > + use<T, F>
    where
        T: AsyncRead + AsyncWrite + Unpin + 'static,
        F: Fn(&Arc<Connections>, &T, &mut Extensions) + 'static,
    {
        let settings = self.settings();
        let stopping = self.stopping.clone();
        let connections = Arc::clone(&self.state.connections);
        let app = application(self.state.clone())
            .into_factory()
            .map_err(|error: actix_web::Error| error.error_response());
        HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(settings.head_deadline)
            .client_disconnect_timeout(LINGER_TIMEOUT)
            .local_addr(self.bound)
            .on_connect_ext(move |connection: &T, data: &mut Extensions| {
                admit(&connections, connection, data);
            })
            .finish(map_config(app, |()| AppConfig::default()))
    }
}

/// All addresses, and what is around each request.
fn application(
    state: web::Data<State>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    App::new()
        .wrap(from_fn(routes::envelope))
        .app_data(state)
        .configure(routes::configure)
}
