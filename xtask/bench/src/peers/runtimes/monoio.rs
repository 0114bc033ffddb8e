//! monoio.

use std::io;
use std::os::fd::OwnedFd;

use monoio::fs::File;
use monoio::io::{AsyncReadRent, AsyncWriteRent};
use monoio::net::TcpStream;
use monoio::{IoUringDriver, RuntimeBuilder};

use crate::memory::Piece;

/// Its runtime.
pub(crate) struct Monoio(monoio::Runtime<IoUringDriver>);

/// Its streams ask to be borrowed for writing, although they share.
pub(crate) struct Stream(std::cell::UnsafeCell<TcpStream>);

impl Stream {
    #[expect(clippy::mut_from_ref, reason = "one task has the stream")]
    fn get(&self) -> &mut TcpStream {
        // SAFETY: a stream is one slot's, which has one task, which has one operation at a time.
        unsafe { &mut *self.0.get() }
    }
}

impl super::Runtime for Monoio {
    type File = File;
    type Stream = Stream;

    fn new(depth: usize) -> io::Result<Self> {
        // It takes no fewer.
        let entries = depth.max(256) as u32;
        let builder = RuntimeBuilder::<IoUringDriver>::new();
        builder.with_entries(entries).build().map(Self)
    }

    fn block_on<T>(&mut self, future: impl Future<Output = T>) -> T {
        self.0.block_on(future)
    }

    fn spawn(future: impl Future<Output = ()> + 'static) -> impl Future<Output = ()> {
        monoio::spawn(future)
    }

    fn file(fd: OwnedFd) -> io::Result<File> {
        File::from_std(fd.into())
    }

    fn stream(fd: OwnedFd) -> io::Result<Stream> {
        TcpStream::from_std(fd.into()).map(|stream| Stream(stream.into()))
    }

    async fn read(file: &File, piece: Piece, offset: u64) -> io::Result<usize> {
        file.read_at(piece, offset).await.0
    }

    async fn write(file: &File, piece: Piece, offset: u64) -> io::Result<usize> {
        file.write_at(piece, offset).await.0
    }

    async fn sync(file: &File) -> io::Result<()> {
        file.sync_data().await
    }

    async fn recv(stream: &Stream, piece: Piece) -> io::Result<usize> {
        stream.get().read(piece).await.0
    }

    async fn send(stream: &Stream, piece: Piece) -> io::Result<usize> {
        stream.get().write(piece).await.0
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
