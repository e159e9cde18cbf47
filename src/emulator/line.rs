//! The TCP line under a request, which a fault can cut.
//!
//! A dropped connection is not an HTTP answer, so no handler can give one: the handler marks the line as cut, and the
//! next write to it fails. Nothing of the answer leaves.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

use super::effect::Cut;

/// What a handler holds of its connection.
#[derive(Clone, Default)]
pub(super) struct Line {
    cut: Arc<OnceLock<Cut>>,
}

impl Line {
    /// From here on, nothing more is written to the client.
    pub(super) fn cut(&self, how: Cut) {
        // The first cut counts.
        self.cut.get_or_init(|| how);
    }
}

impl Connected<IncomingStream<'_, Lines>> for Line {
    fn connect_info(stream: IncomingStream<'_, Lines>) -> Self {
        stream.io().line.clone()
    }
}

/// Accepts connections that can be cut.
pub(super) struct Lines {
    listener: TcpListener,
    /// So many of the next connections are to be reset.
    refused: Arc<AtomicU32>,
}

impl Lines {
    pub(super) fn of(listener: TcpListener, refused: Arc<AtomicU32>) -> Self {
        Self { listener, refused }
    }

    fn refuses(&self) -> bool {
        let one_less = |left: u32| left.checked_sub(1);
        self.refused.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok()
    }
}

/// The end of a connection will be a reset: without it, it is an orderly end, which is only gentler.
fn reset(stream: &TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!(target: "emulator", %error, "no reset");
    }
}

impl Listener for Lines {
    type Io = Cuttable;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Cuttable, SocketAddr) {
        let (stream, address) = loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if !self.refuses() {
                break (stream, address);
            }
            reset(&stream);
        };
        // Small answers must not wait for the client's acknowledgement of earlier ones; without it they are only
        // slower.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(target: "emulator", %error, "no TCP_NODELAY");
        }
        (Cuttable { stream, line: Line::default() }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A TCP stream that ends when its line is cut.
pub(super) struct Cuttable {
    stream: TcpStream,
    line: Line,
}

impl Cuttable {
    fn check(&self) -> io::Result<()> {
        match self.line.cut.get() {
            None => Ok(()),
            Some(how) => {
                if *how == Cut::Reset {
                    reset(&self.stream);
                }
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
    }
}

impl AsyncRead for Cuttable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
