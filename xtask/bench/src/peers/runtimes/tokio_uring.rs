//! tokio-uring.

use std::io;
use std::os::fd::OwnedFd;

use tokio_uring::fs::File;
use tokio_uring::net::TcpStream;

use crate::memory::Piece;

/// Its runtime.
pub(crate) struct TokioUring(tokio_uring::Runtime);

impl super::Runtime for TokioUring {
    type File = File;
    type Stream = TcpStream;

    fn new(depth: usize) -> io::Result<Self> {
        let mut builder = tokio_uring::builder();
        builder.entries(depth as u32);
        tokio_uring::Runtime::new(&builder).map(Self)
    }

    fn block_on<T>(&mut self, future: impl Future<Output = T>) -> T {
        self.0.block_on(future)
    }

    fn spawn(future: impl Future<Output = ()> + 'static) -> impl Future<Output = ()> {
        let task = tokio_uring::spawn(future);
        async { task.await.expect("a task does not panic") }
    }

    fn file(fd: OwnedFd) -> io::Result<File> {
        Ok(File::from_std(fd.into()))
    }

    fn stream(fd: OwnedFd) -> io::Result<TcpStream> {
        Ok(TcpStream::from_std(fd.into()))
    }

    async fn read(file: &File, piece: Piece, offset: u64) -> io::Result<usize> {
        file.read_at(piece, offset).await.0
    }

    async fn write(file: &File, piece: Piece, offset: u64) -> io::Result<usize> {
        file.write_at(piece, offset).submit().await.0
    }

    async fn sync(file: &File) -> io::Result<()> {
        file.sync_data().await
    }

    async fn recv(stream: &TcpStream, piece: Piece) -> io::Result<usize> {
        stream.read(piece).await.0
    }

    async fn send(stream: &TcpStream, piece: Piece) -> io::Result<usize> {
        stream.write(piece).submit().await.0
    }

    async fn open(path: &str) -> io::Result<File> {
        File::open(path).await
    }

    async fn size(file: &File) -> io::Result<u64> {
        Ok(file.statx().await?.stx_size)
    }

    async fn close(file: File) -> io::Result<()> {
        file.close().await
    }
}
