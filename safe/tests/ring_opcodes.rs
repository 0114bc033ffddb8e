//! Which operation builds each of io_uring's opcodes, or why none does: an opcode that nobody lists fails.

#![cfg(feature = "uring")]
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs::File;

use safe::uring::op::{self, Multishot, Operation};
use safe::uring::{Cwd, FixedBuf, FixedSlice, Mailbox};
use uring_sys::listing::constants;

type Buf = Vec<u8>;
type Path = std::ffi::CString;

/// The opcode of an operation, and its name.
fn once<O: Operation>() -> (u8, &'static str) {
    (O::OPCODE, std::any::type_name::<O>())
}

/// As `once`, of one that gives many results.
fn many<M: Multishot>() -> (u8, &'static str) {
    (M::OPCODE, std::any::type_name::<M>())
}

/// All operations.
fn built() -> Vec<(u8, &'static str)> {
    vec![
        // Files.
        once::<op::Read<File, Buf>>(),
        once::<op::ReadFixed<File>>(),
        once::<op::ReadSelect<File>>(),
        once::<op::ReadVectored<File, [Buf; 2]>>(),
        once::<op::ReadVectoredFixed<File, [FixedBuf; 2]>>(),
        many::<op::ReadMultishot<File>>(),
        once::<op::Write<File, Buf>>(),
        once::<op::WriteFixed<File, FixedBuf>>(),
        once::<op::WriteVectored<File, [Buf; 2]>>(),
        once::<op::WriteVectoredFixed<File, [FixedSlice; 2]>>(),
        once::<op::Fsync<File>>(),
        once::<op::SyncFileRange<File>>(),
        once::<op::Fallocate<File>>(),
        once::<op::Ftruncate<File>>(),
        once::<op::Fadvise<File>>(),
        once::<op::Madvise<FixedBuf>>(),
        once::<op::Open<Path>>(),
        once::<op::Open2<Path>>(),
        once::<op::Direct<op::Open<Path>>>(),
        once::<op::Close>(),
        once::<op::CloseFixed>(),
        once::<op::Statx<Path, Cwd>>(),
        once::<op::Rename<Path, Path>>(),
        once::<op::Unlink<Path>>(),
        once::<op::Mkdir<Path>>(),
        once::<op::Symlink<Path, Path>>(),
        once::<op::Link<Path, Path>>(),
        once::<op::GetXattr<Path, Path, Buf>>(),
        once::<op::FGetXattr<File, Path, Buf>>(),
        once::<op::SetXattr<Path, Path, Buf>>(),
        once::<op::FSetXattr<File, Path, Buf>>(),
        once::<op::Splice<File, File>>(),
        once::<op::Tee<File, File>>(),
        once::<op::Pipe>(),
        once::<op::DirectPipe>(),
        once::<op::RegisterFile<File>>(),
        once::<op::InstallFixed>(),
        // The network.
        once::<op::Socket>(),
        once::<op::Bind<File>>(),
        once::<op::Listen<File>>(),
        once::<op::Accept<File>>(),
        many::<op::AcceptMultishot<File>>(),
        many::<op::DirectAcceptMultishot<File>>(),
        once::<op::Connect<File>>(),
        once::<op::Shutdown<File>>(),
        once::<op::Send<File, Buf>>(),
        once::<op::SendZc<File, Buf>>(),
        once::<op::SendBundle<File, Buf>>(),
        once::<op::SendMsg<File, Buf, 1>>(),
        once::<op::SendMsgZc<File, Buf, 1>>(),
        once::<op::Recv<File, Buf>>(),
        once::<op::RecvSelect<File>>(),
        once::<op::RecvBundle<File>>(),
        many::<op::RecvMultishot<File>>(),
        many::<op::RecvBundleMultishot<File>>(),
        many::<op::RecvZc<File>>(),
        once::<op::RecvMsg<File, Buf, 1>>(),
        once::<op::RecvMsgSelect<File>>(),
        many::<op::RecvMsgMultishot<File>>(),
        once::<op::BytesToReceive<File>>(),
        once::<op::BytesToSend<File>>(),
        once::<op::GetSockName<File>>(),
        // Waiting.
        once::<op::Poll<File>>(),
        many::<op::PollMultishot<File>>(),
        once::<op::PollUpdate>(),
        once::<op::Timeout>(),
        many::<op::TimeoutMultishot>(),
        once::<op::TimeoutUpdate>(),
        once::<op::TimeoutRemove>(),
        once::<op::LinkTimeout>(),
        once::<op::Cancel>(),
        once::<op::CancelAll<op::NoFile>>(),
        once::<op::EpollCtl<File, File>>(),
        once::<op::EpollWait<File, 8>>(),
        once::<op::WaitId>(),
        once::<op::FutexWait<std::sync::Arc<std::sync::atomic::AtomicU32>>>(),
        once::<op::FutexWake<std::sync::Arc<std::sync::atomic::AtomicU32>>>(),
        once::<op::FutexWaitAny<std::sync::Arc<std::sync::atomic::AtomicU32>, 2>>(),
        // Others.
        once::<op::Nop>(),
        once::<op::Inject>(),
        once::<op::RingMessage<Mailbox>>(),
        once::<op::PassFile>(),
        once::<op::Command<File, ()>>(),
        once::<op::LargeCommand<File, ()>>(),
    ]
}

/// The opcodes that no operation builds, and why.
const NOT_BUILT: &[(&str, &str)] = &[
    (
        "PROVIDE_BUFFERS",
        "a buffer given this way is the kernel's until it happens to be picked, and nothing tells when an operation that \
         takes it back has done so before another one picks it; `BufGroup` does what it did, faster",
    ),
    ("REMOVE_BUFFERS", "as PROVIDE_BUFFERS"),
    (
        "NOP128",
        "it does what `Nop` does, and takes up two places of a queue of mixed entries",
    ),
    (
        "URING_CMD128",
        "it is URING_CMD for queues of mixed entries; `LargeCommand` goes through rings whose entries all have 128 bytes",
    ),
];

#[test]
fn each_opcode_has_its_operation_or_a_reason() {
    let mut names: BTreeMap<u8, &str> = constants()
        .filter_map(|constant| {
            let name = constant.name.strip_prefix("IORING_OP_")?;
            Some((u8::try_from(constant.value).ok()?, name))
        })
        .collect();
    let last = names.pop_last().expect("there are opcodes");
    assert_eq!(last.1, "LAST");
    assert_eq!(names.len(), usize::from(last.0));
    let built = built();
    for (code, name) in names {
        let by: Vec<_> = built.iter().filter(|(of, _)| *of == code).collect();
        let reason = NOT_BUILT.iter().find(|(of, _)| *of == name);
        match (by.is_empty(), reason) {
            (true, None) => panic!("{name}: no operation builds it, and no reason is given"),
            (false, Some((_, reason))) => panic!("{name}: {by:?} builds it, in spite of: {reason}"),
            (true, Some((_, reason))) => assert!(!reason.is_empty(), "{name}"),
            (false, None) => {}
        }
    }
    for (name, _) in NOT_BUILT {
        let known =
            constants().any(|constant| constant.name.strip_prefix("IORING_OP_") == Some(name));
        assert!(known, "{name} is no opcode");
    }
}
