//! compio.

use std::io;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};

use compio::driver::ProactorBuilder;
use compio::fs::File;
use compio::io::{AsyncRead, AsyncReadAt, AsyncWrite, AsyncWriteAt};
use compio::net::TcpStream;
use compio::runtime::{Runtime, RuntimeBuilder};

use crate::memory::Piece;

/// Its runtime.
pub(crate) struct Compio(Runtime);

impl super::Runtime for Compio {
    type File = File;
    type Stream = TcpStream;

    fn new(depth: usize) -> io::Result<Self> {
        let mut proactor = ProactorBuilder::new();
        proactor.capacity(depth as u32);
        RuntimeBuilder::new()
            .with_proactor(proactor)
            .build()
            .map(Self)
    }

    fn block_on<T>(&mut self, future: impl Future<Output = T>) -> T {
        self.0.block_on(future)
    }

    fn spawn(future: impl Future<Output = ()> + 'static) -> impl Future<Output = ()> {
        let task = compio::runtime::spawn(future);
        async { task.await.expect("a task does not panic") }
    }

    fn file(fd: OwnedFd) -> io::Result<File> {
        // SAFETY: the descriptor is given away.
        Ok(unsafe { File::from_raw_fd(fd.into_raw_fd()) })
    }

    fn stream(fd: OwnedFd) -> io::Result<TcpStream> {
        TcpStream::from_std(fd.into())
    }

    async fn read(file: &File, piece: Piece, offset: u64) -> io::Result<usize> {
        file.read_at(piece, offset).await.0
    }

    async fn write(mut file: &File, piece: Piece, offset: u64) -> io::Result<usize> {
        file.write_at(piece, offset).await.0
    }

    async fn sync(file: &File) -> io::Result<()> {
        file.sync_data().await
    }

    async fn recv(mut stream: &TcpStream, piece: Piece) -> io::Result<usize> {
        stream.read(piece).await.0
    }

    async fn send(mut stream: &TcpStream, piece: Piece) -> io::Result<usize> {
        stream.write(piece).await.0
    }

    async fn open(path: &str) -> io::Result<File> {
        File::open(path).await
    }

    async fn size(file: &File) -> io::Result<u64> {
        Ok(file.metadata().await?.len())
    }

    async fn close(file: File) -> io::Result<()> {
        file.close().await
    }
}
