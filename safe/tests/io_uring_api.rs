//! Every public item of the crate `io-uring` 0.7.15 is in `safe::uring::raw`, by the same path and with the same
//! type.
//!
//! The list below is compiled once for either crate: what it asks of the other crate is there, and here too. A
//! function is coerced to a pointer of the type that the other crate gives it. Where the two differ
//! stands at the end.

#![cfg(feature = "uring")]

use std::error::Error;
use std::fmt::Debug;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};

/// Requires traits of types.
macro_rules! types_are {
    ($($ty:ty: $bound:ident $(+ $more:ident)*;)+) => {$({
        fn has<T: $bound $(+ $more)*>() {}
        has::<$ty>();
    })+};
}

/// Requires functions, each of a type.
macro_rules! functions {
    ($($path:expr => $ty:ty;)+) => {$( let _: $ty = $path; )+};
}

/// Requires constants, each of a type and a value, where one is given.
macro_rules! constants {
    ($($path:expr => $ty:ty;)+) => {$( let _: $ty = $path; )+};
}

/// Requires builders: the arguments of `new`, the setters, what `build` gives, and the opcode.
macro_rules! builders {
    ($($name:ident($($arg:ty),*) { $($setter:ident: $ty:ty),* } -> $entry:ty, $code:literal;)+) => {$(
        let _: fn($($arg),*) -> opcode::$name = opcode::$name::new;
        $( let _: fn(opcode::$name, $ty) -> opcode::$name = opcode::$name::$setter; )*
        let _: fn(opcode::$name) -> $entry = opcode::$name::build;
        assert_eq!(opcode::$name::CODE, $code as u8, stringify!($name));
    )+};
}

macro_rules! the_api_of {
    ($krate:path) => {
        use $krate as ring;

        use ring::{
            Builder, CompletionQueue, CompletionStatus, EnterFlags, IoUring, Parameters, Probe,
            SubmissionQueue, Submitter, cqueue, opcode, register, squeue, types,
        };

        use super::*;
        type Sq = squeue::Entry;
        type Cq = cqueue::Entry;
        type Sq128 = squeue::Entry128;
        type Cq32 = cqueue::Entry32;

        fn rings<S: squeue::EntryMarker + 'static, C: cqueue::EntryMarker + 'static>() {
            functions! {
                IoUring::<S, C>::builder => fn() -> Builder<S, C>;
                IoUring::<S, C>::submitter => fn(&IoUring<S, C>) -> Submitter<'_>;
                IoUring::<S, C>::params => fn(&IoUring<S, C>) -> &Parameters;
                IoUring::<S, C>::submit => fn(&IoUring<S, C>) -> io::Result<usize>;
                IoUring::<S, C>::submit_and_wait => fn(&IoUring<S, C>, usize) -> io::Result<usize>;
                IoUring::<S, C>::split => for<'a> fn(&'a mut IoUring<S, C>)
                    -> (Submitter<'a>, SubmissionQueue<'a, S>, CompletionQueue<'a, C>);
                IoUring::<S, C>::submission => fn(&mut IoUring<S, C>) -> SubmissionQueue<'_, S>;
                IoUring::<S, C>::submission_shared => unsafe fn(&IoUring<S, C>) -> SubmissionQueue<'_, S>;
                IoUring::<S, C>::completion => fn(&mut IoUring<S, C>) -> CompletionQueue<'_, C>;
                IoUring::<S, C>::completion_shared => unsafe fn(&IoUring<S, C>) -> CompletionQueue<'_, C>;
                <IoUring<S, C> as AsRawFd>::as_raw_fd => fn(&IoUring<S, C>) -> RawFd;

                Builder::<S, C>::dontfork => fn(&mut Builder<S, C>) -> &mut Builder<S, C>;
                Builder::<S, C>::setup_iopoll => fn(&mut Builder<S, C>) -> &mut Builder<S, C>;
                Builder::<S, C>::setup_sqpoll => fn(&mut Builder<S, C>, u32) -> &mut Builder<S, C>;
                Builder::<S, C>::setup_sqpoll_cpu => fn(&mut Builder<S, C>, u32) -> &mut Builder<S, C>;
                Builder::<S, C>::setup_cqsize => fn(&mut Builder<S, C>, u32) -> &mut Builder<S, C>;
                Builder::<S, C>::setup_clamp => fn(&mut Builder<S, C>) -> &mut Builder<S, C>;
                Builder::<S, C>::setup_attach_wq => fn(&mut Builder<S, C>, RawFd) -> &mut Builder<S, C>;
                Builder::<S, C>::setup_r_disabled => fn(&mut Builder<S, C>) -> &mut Builder<S, C>;
                Builder::<S, C>::setup_submit_all => fn(&mut Builder<S, C>) -> &mut Builder<S, C>;
                Builder::<S, C>::setup_coop_taskrun => fn(&mut Builder<S, C>) -> &mut Builder<S, C>;
                Builder::<S, C>::setup_taskrun_flag => fn(&mut Builder<S, C>) -> &mut Builder<S, C>;
                Builder::<S, C>::setup_defer_taskrun => fn(&mut Builder<S, C>) -> &mut Builder<S, C>;
                Builder::<S, C>::setup_single_issuer => fn(&mut Builder<S, C>) -> &mut Builder<S, C>;
                Builder::<S, C>::setup_no_sqarray => fn(&mut Builder<S, C>) -> &mut Builder<S, C>;
                Builder::<S, C>::build => fn(&Builder<S, C>, u32) -> io::Result<IoUring<S, C>>;

                SubmissionQueue::<S>::sync => fn(&mut SubmissionQueue<'static, S>);
                SubmissionQueue::<S>::need_wakeup => fn(&SubmissionQueue<'static, S>) -> bool;
                SubmissionQueue::<S>::need_wakeup_after_intermittent_seqcst
                    => fn(&SubmissionQueue<'static, S>) -> bool;
                SubmissionQueue::<S>::dropped => fn(&SubmissionQueue<'static, S>) -> u32;
                SubmissionQueue::<S>::cq_overflow => fn(&SubmissionQueue<'static, S>) -> bool;
                SubmissionQueue::<S>::taskrun => fn(&SubmissionQueue<'static, S>) -> bool;
                SubmissionQueue::<S>::capacity => fn(&SubmissionQueue<'static, S>) -> usize;
                SubmissionQueue::<S>::len => fn(&SubmissionQueue<'static, S>) -> usize;
                SubmissionQueue::<S>::is_empty => fn(&SubmissionQueue<'static, S>) -> bool;
                SubmissionQueue::<S>::is_full => fn(&SubmissionQueue<'static, S>) -> bool;
                SubmissionQueue::<S>::push
                    => unsafe fn(&mut SubmissionQueue<'static, S>, &S) -> Result<(), squeue::PushError>;
                SubmissionQueue::<S>::push_multiple
                    => unsafe fn(&mut SubmissionQueue<'static, S>, &[S]) -> Result<(), squeue::PushError>;

                CompletionQueue::<C>::status
                    => unsafe fn(&CompletionQueue<'static, C>) -> CompletionStatus;
                CompletionQueue::<C>::sync => fn(&mut CompletionQueue<'static, C>);
                CompletionQueue::<C>::overflow => fn(&CompletionQueue<'static, C>) -> u32;
                CompletionQueue::<C>::eventfd_disabled => fn(&CompletionQueue<'static, C>) -> bool;
                CompletionQueue::<C>::disable_eventfd => fn(&CompletionQueue<'static, C>);
                CompletionQueue::<C>::enable_eventfd => fn(&CompletionQueue<'static, C>);
                CompletionQueue::<C>::capacity => fn(&CompletionQueue<'static, C>) -> usize;
                CompletionQueue::<C>::is_empty => fn(&CompletionQueue<'static, C>) -> bool;
                CompletionQueue::<C>::is_full => fn(&CompletionQueue<'static, C>) -> bool;
                CompletionQueue::<C>::fill => for<'a> fn(
                    &mut CompletionQueue<'static, C>, &'a mut [MaybeUninit<C>]) -> &'a mut [C];
                <CompletionQueue<'static, C> as Iterator>::next
                    => fn(&mut CompletionQueue<'static, C>) -> Option<C>;

                S::set_user_data => fn(&mut S, u64);
                S::get_user_data => fn(&S) -> u64;
                <S as From<Sq>>::from => fn(Sq) -> S;
                <C as Into<Cq>>::into => fn(C) -> Cq;
            }
            constants! {
                <S as squeue::EntryMarker>::BUILD_FLAGS => u32;
                <C as cqueue::EntryMarker>::BUILD_FLAGS => u32;
            }
            types_are! {
                IoUring<S, C>: Send + Sync + Unpin;
                Builder<S, C>: Clone;
                SubmissionQueue<'static, S>: Debug;
                CompletionQueue<'static, C>: Iterator + ExactSizeIterator;
                S: Clone + Debug;
                C: Clone + Debug;
            }
        }

        fn parameters() {
            type Getter = fn(&Parameters) -> bool;
            functions! {
                Parameters::is_setup_sqpoll => Getter;
                Parameters::is_setup_iopoll => Getter;
                Parameters::is_setup_single_issuer => Getter;
                Parameters::is_feature_single_mmap => Getter;
                Parameters::is_feature_nodrop => Getter;
                Parameters::is_feature_submit_stable => Getter;
                Parameters::is_feature_rw_cur_pos => Getter;
                Parameters::is_feature_cur_personality => Getter;
                Parameters::is_feature_fast_poll => Getter;
                Parameters::is_feature_poll_32bits => Getter;
                Parameters::is_feature_sqpoll_nonfixed => Getter;
                Parameters::is_feature_ext_arg => Getter;
                Parameters::is_feature_native_workers => Getter;
                Parameters::is_feature_resource_tagging => Getter;
                Parameters::is_feature_skip_cqe_on_success => Getter;
                Parameters::is_feature_linked_file => Getter;
                Parameters::is_feature_recvsend_bundle => Getter;
                Parameters::is_feature_min_timeout => Getter;
                Parameters::is_feature_no_iowait => Getter;
                Parameters::sq_entries => fn(&Parameters) -> u32;
                Parameters::sq_thread_idle => fn(&Parameters) -> u32;
                Parameters::cq_entries => fn(&Parameters) -> u32;
                IoUring::new => fn(u32) -> io::Result<IoUring>;
                IoUring::from_fd => unsafe fn(RawFd, Parameters) -> io::Result<IoUring>;
            }
            // A transparent wrapper of the kernel's struct.
            assert_eq!(size_of::<Parameters>(), size_of::<uring_sys::io_uring_params>());
        }

        #[allow(deprecated, reason = "`io-uring` deprecates one, which programs may call still")]
        fn submitter() {
            type S<'a> = &'a Submitter<'static>;
            type M<'a> = &'a mut Submitter<'static>;
            type R = io::Result<()>;
            functions! {
                Submitter::enter::<u64>
                    => unsafe fn(S, u32, u32, u32, Option<&u64>) -> io::Result<usize>;
                Submitter::submit => fn(S) -> io::Result<usize>;
                Submitter::submit_and_wait => fn(S, usize) -> io::Result<usize>;
                Submitter::submit_with_args
                    => fn(S, usize, &types::SubmitArgs<'_, '_>) -> io::Result<usize>;
                Submitter::squeue_wait => fn(S) -> io::Result<usize>;
                Submitter::register_buffers => unsafe fn(S, &[libc::iovec]) -> R;
                Submitter::register_buffers_update
                    => unsafe fn(S, u32, &[libc::iovec], Option<&[u64]>) -> R;
                Submitter::register_buffers2 => unsafe fn(S, &[libc::iovec], &[u64]) -> R;
                Submitter::register_buffers_sparse => fn(S, u32) -> R;
                Submitter::register_buffers_clone => fn(S, RawFd) -> R;
                Submitter::register_buffers_clone_offset
                    => fn(S, RawFd, u32, u32, u32, types::CloneBuffersFlags) -> R;
                Submitter::register_files_sparse => fn(S, u32) -> R;
                Submitter::register_files => fn(S, &[RawFd]) -> R;
                Submitter::register_files_update => fn(S, u32, &[RawFd]) -> io::Result<usize>;
                Submitter::register_eventfd => fn(S, RawFd) -> R;
                Submitter::register_eventfd_async => fn(S, RawFd) -> R;
                Submitter::register_probe => fn(S, &mut Probe) -> R;
                Submitter::register_personality => fn(S) -> io::Result<u16>;
                Submitter::unregister_buffers => fn(S) -> R;
                Submitter::unregister_files => fn(S) -> R;
                Submitter::unregister_eventfd => fn(S) -> R;
                Submitter::unregister_personality => fn(S, u16) -> R;
                Submitter::register_enable_rings => fn(S) -> R;
                Submitter::register_iowq_aff => fn(S, &libc::cpu_set_t) -> R;
                Submitter::unregister_iowq_aff => fn(S) -> R;
                Submitter::register_iowq_max_workers => fn(S, &mut [u32; 2]) -> R;
                Submitter::register_ring_fd => fn(M) -> R;
                Submitter::unregister_ring_fd => fn(M) -> R;
                Submitter::register_napi => fn(S, &mut types::Napi) -> R;
                Submitter::unregister_napi => fn(S, &mut types::Napi) -> R;
                Submitter::register_napi_add_id => fn(S, u32) -> R;
                Submitter::register_napi_del_id => fn(S, u32) -> R;
                Submitter::register_buf_ring => unsafe fn(S, u64, u16, u16) -> R;
                Submitter::register_buf_ring_with_flags => unsafe fn(S, u64, u16, u16, u16) -> R;
                Submitter::unregister_buf_ring => fn(S, u16) -> R;
                Submitter::register_sync_cancel
                    => fn(S, Option<types::Timespec>, types::CancelBuilder) -> R;

                Probe::new => fn() -> Probe;
                Probe::is_supported => fn(&Probe, u8) -> bool;
                register::Restriction::register_op => fn(u8) -> register::Restriction;
                register::Restriction::sqe_op => fn(u8) -> register::Restriction;
                register::Restriction::sqe_flags_allowed => fn(u8) -> register::Restriction;
                register::Restriction::sqe_flags_required => fn(u8) -> register::Restriction;
            }
            // Called as there; that this crate takes `&` is no difference to a caller.
            let _ = |s: S, few: &mut [register::Restriction]| -> R { s.register_restrictions(few) };
            constants! {
                register::SKIP_FILE => RawFd;
                EnterFlags::GETEVENTS | EnterFlags::SQ_WAKEUP | EnterFlags::SQ_WAIT => EnterFlags;
                EnterFlags::EXT_ARG | EnterFlags::REGISTERED_RING => EnterFlags;
                EnterFlags::ABS_TIMER | EnterFlags::EXT_ARG_REG | EnterFlags::NO_IOWAIT => EnterFlags;
                EnterFlags::all().bits() => u32;
            }
            types_are! {
                Probe: Debug + Default;
                register::Probe: Debug + Default;
                EnterFlags: Debug + Copy + Ord;
                Parameters: Debug + Clone;
                CompletionStatus: Debug;
            }
        }

        fn entries() {
            functions! {
                Sq::flags => fn(Sq, squeue::Flags) -> Sq;
                Sq::clear_flags => fn(Sq) -> Sq;
                Sq::user_data => fn(Sq, u64) -> Sq;
                Sq::set_user_data => fn(&mut Sq, u64);
                Sq::get_user_data => fn(&Sq) -> u64;
                Sq::get_opcode => fn(&Sq) -> u32;
                Sq::personality => fn(Sq, u16) -> Sq;
                Sq128::flags => fn(Sq128, squeue::Flags) -> Sq128;
                Sq128::clear_flags => fn(Sq128) -> Sq128;
                Sq128::user_data => fn(Sq128, u64) -> Sq128;
                Sq128::set_user_data => fn(&mut Sq128, u64);
                Sq128::get_user_data => fn(&Sq128) -> u64;
                Sq128::get_opcode => fn(&Sq128) -> u32;
                Sq128::personality => fn(Sq128, u16) -> Sq128;

                Cq::result => fn(&Cq) -> i32;
                Cq::user_data => fn(&Cq) -> u64;
                Cq::set_user_data => fn(&mut Cq, u64);
                Cq::flags => fn(&Cq) -> u32;
                Cq32::result => fn(&Cq32) -> i32;
                Cq32::user_data => fn(&Cq32) -> u64;
                Cq32::set_user_data => fn(&mut Cq32, u64);
                Cq32::flags => fn(&Cq32) -> u32;
                Cq32::big_cqe => fn(&Cq32) -> &[u64; 2];
                CompletionStatus::is_empty => fn(&CompletionStatus) -> bool;
                cqueue::CompletionStatus::is_empty => fn(&cqueue::CompletionStatus) -> bool;
                cqueue::buffer_more => fn(u32) -> bool;
                cqueue::buffer_select => fn(u32) -> Option<u16>;
                cqueue::more => fn(u32) -> bool;
                cqueue::sock_nonempty => fn(u32) -> bool;
                cqueue::notif => fn(u32) -> bool;
            }
            constants! {
                squeue::Flags::FIXED_FILE | squeue::Flags::IO_DRAIN => squeue::Flags;
                squeue::Flags::IO_LINK | squeue::Flags::IO_HARDLINK => squeue::Flags;
                squeue::Flags::ASYNC | squeue::Flags::BUFFER_SELECT => squeue::Flags;
                squeue::Flags::SKIP_SUCCESS => squeue::Flags;
                squeue::Flags::all().bits() => u8;
            }
            types_are! {
                Sq: Clone + Debug + Send + Sync;
                Sq128: Clone + Debug + Send + Sync;
                Cq: Clone + Debug + Send + Sync;
                Cq32: Clone + Debug + Send + Sync;
                squeue::Flags: Debug + Copy + Ord;
                squeue::PushError: Clone + Eq + Error + Send + Sync;
            }
            let _: [fn(&squeue::SubmissionQueue<'static, Sq128>) -> usize; 0] = [];
            let _: [fn(&cqueue::CompletionQueue<'static, Cq32>) -> usize; 0] = [];
            let sizes = [size_of::<Sq>(), size_of::<Sq128>(), size_of::<Cq>(), size_of::<Cq32>()];
            assert_eq!(sizes, [64, 128, 16, 32]);
            rings::<Sq, Cq>();
            rings::<Sq128, Cq32>();
            // `IoUring` alone is that of the small entries.
            let _: fn(u32) -> io::Result<IoUring<Sq, Cq>> = IoUring::new;
            let _: fn(SubmissionQueue<'static>) -> SubmissionQueue<'static, Sq> = |queue| queue;
            let _: fn(CompletionQueue<'static>) -> CompletionQueue<'static, Cq> = |queue| queue;
            let _: fn(Builder) -> Builder<Sq, Cq> = |builder| builder;
        }

        fn arguments() {
            use types::*;

            type Now<'a> = SubmitArgs<'static, 'a>;
            functions! {
                OpenHow::new => fn() -> OpenHow;
                OpenHow::flags => fn(OpenHow, u64) -> OpenHow;
                OpenHow::mode => fn(OpenHow, u64) -> OpenHow;
                OpenHow::resolve => fn(OpenHow, u64) -> OpenHow;
                Timespec::new => fn() -> Timespec;
                Timespec::sec => fn(Timespec, u64) -> Timespec;
                Timespec::nsec => fn(Timespec, u32) -> Timespec;
                <Timespec as From<std::time::Duration>>::from => fn(std::time::Duration) -> Timespec;
                SubmitArgs::new => fn() -> SubmitArgs<'static, 'static>;
                SubmitArgs::sigmask => for<'a> fn(Now<'static>, &'a libc::sigset_t) -> Now<'a>;
                SubmitArgs::min_wait_usec => fn(Now<'static>, u32) -> Now<'static>;
                SubmitArgs::timespec => for<'a> fn(Now<'static>, &'a Timespec) -> Now<'a>;
                BufRingEntry::set_addr => fn(&mut BufRingEntry, u64);
                BufRingEntry::addr => fn(&BufRingEntry) -> u64;
                BufRingEntry::set_len => fn(&mut BufRingEntry, u32);
                BufRingEntry::len => fn(&BufRingEntry) -> u32;
                BufRingEntry::set_bid => fn(&mut BufRingEntry, u16);
                BufRingEntry::bid => fn(&BufRingEntry) -> u16;
                BufRingEntry::tail => unsafe fn(*const BufRingEntry) -> *const u16;
                DestinationSlot::auto_target => fn() -> DestinationSlot;
                DestinationSlot::try_from_slot_target => fn(u32) -> Result<DestinationSlot, u32>;
                RecvMsgOut::parse => fn(&'static [u8], &libc::msghdr) -> Result<RecvMsgOut<'static>, ()>;
                RecvMsgOut::incoming_name_len => fn(&RecvMsgOut<'static>) -> u32;
                RecvMsgOut::is_name_data_truncated => fn(&RecvMsgOut<'static>) -> bool;
                RecvMsgOut::name_data => for<'a> fn(&'a RecvMsgOut<'static>) -> &'a [u8];
                RecvMsgOut::incoming_control_len => fn(&RecvMsgOut<'static>) -> u32;
                RecvMsgOut::is_control_data_truncated => fn(&RecvMsgOut<'static>) -> bool;
                RecvMsgOut::control_data => for<'a> fn(&'a RecvMsgOut<'static>) -> &'a [u8];
                RecvMsgOut::is_payload_truncated => fn(&RecvMsgOut<'static>) -> bool;
                RecvMsgOut::payload_data => for<'a> fn(&'a RecvMsgOut<'static>) -> &'a [u8];
                RecvMsgOut::incoming_payload_len => fn(&RecvMsgOut<'static>) -> u32;
                RecvMsgOut::flags => fn(&RecvMsgOut<'static>) -> u32;
                CancelBuilder::any => fn() -> CancelBuilder;
                CancelBuilder::user_data => fn(u64) -> CancelBuilder;
                CancelBuilder::fd => fn(Fd) -> CancelBuilder;
                CancelBuilder::fd => fn(Fixed) -> CancelBuilder;
                CancelBuilder::all => fn(CancelBuilder) -> CancelBuilder;
                FutexWaitV::new => fn() -> FutexWaitV;
                FutexWaitV::val => fn(FutexWaitV, u64) -> FutexWaitV;
                FutexWaitV::uaddr => fn(FutexWaitV, u64) -> FutexWaitV;
                FutexWaitV::flags => fn(FutexWaitV, u32) -> FutexWaitV;
                Napi::new => fn() -> Napi;
                Napi::set_busy_poll_timeout => fn(Napi, u32) -> Napi;
                Napi::set_prefer_busy_poll => fn(Napi, bool) -> Napi;
                Napi::set_tracking => fn(Napi, NapiTracking) -> Napi;
                Napi::busy_poll_timeout => fn(&Napi) -> u32;
                Napi::prefer_busy_poll => fn(&Napi) -> bool;
            }
            // What runs at compile time there does so here.
            const HOW: OpenHow = OpenHow::new().flags(1).mode(2).resolve(3);
            const SECOND: Timespec = Timespec::new().sec(1).nsec(0);
            const ARGS: SubmitArgs<'static, 'static> = SubmitArgs::new();
            const SLOT: DestinationSlot = DestinationSlot::auto_target();
            const CANCEL: CancelBuilder = CancelBuilder::any();
            const ONE: CancelBuilder = CancelBuilder::user_data(1);
            const FUTEX: FutexWaitV = FutexWaitV::new().val(1).uaddr(2).flags(3);
            const NAPI: Napi = Napi::new()
                .set_busy_poll_timeout(1)
                .set_prefer_busy_poll(true)
                .set_tracking(NapiTracking::Inactive);
            const _: (u32, bool) = (NAPI.busy_poll_timeout(), NAPI.prefer_busy_poll());
            let _ = (HOW, SECOND, ARGS, SLOT, CANCEL, ONE, FUTEX);

            constants! {
                Fd(0).0 => RawFd;
                Fixed(0).0 => u32;
                TimeoutFlags::ABS | TimeoutFlags::BOOTTIME | TimeoutFlags::REALTIME => TimeoutFlags;
                TimeoutFlags::LINK_TIMEOUT_UPDATE | TimeoutFlags::ETIME_SUCCESS => TimeoutFlags;
                TimeoutFlags::MULTISHOT => TimeoutFlags;
                TimeoutFlags::empty().bits() => u32;
                FsyncFlags::DATASYNC => FsyncFlags;
                FsyncFlags::all().bits() => u32;
                CloneBuffersFlags::SRC_REGISTERED | CloneBuffersFlags::DST_REPLACE => CloneBuffersFlags;
                CloneBuffersFlags::all().bits() => u32;
                [NapiTracking::Dynamic, NapiTracking::Static, NapiTracking::Inactive] => [NapiTracking; 3];
                IORING_MEM_REGION_TYPE_USER => u32;
                IORING_ZCRX_AREA_SHIFT => u32;
                IORING_ZCRX_AREA_MASK => u64;
                IOU_PBUF_RING_INC => u32;
                IOU_PBUF_RING_MMAP => u32;
            }
            // A bit that has no name is none of the type's.
            assert_eq!(FsyncFlags::from_bits(1 << 31), None);
            assert_eq!(TimeoutFlags::from_bits(1 << 31), None);
            assert_eq!(CloneBuffersFlags::from_bits(1 << 31), None);
            types_are! {
                Fd: Debug + Copy;
                Fixed: Debug + Copy;
                TimeoutFlags: Debug + Copy + Ord;
                FsyncFlags: Debug + Copy + Ord;
                CloneBuffersFlags: Debug + Copy + Ord;
                OpenHow: Debug + Copy + Default;
                Timespec: Debug + Copy + Default;
                SubmitArgs<'static, 'static>: Debug + Copy + Default;
                DestinationSlot: Debug + Copy;
                RecvMsgOut<'static>: Debug;
                CancelBuilder: Debug;
                FutexWaitV: Debug + Copy + Default;
                NapiTracking: Debug + Copy + Eq;
                Napi: Debug + Copy + Default;
                io_uring_region_desc: Debug + Copy + Default;
                io_uring_zcrx_area_reg: Debug + Copy + Default;
                io_uring_zcrx_cqe: Debug + Copy + Default;
                io_uring_zcrx_ifq_reg: Debug + Copy + Default;
                io_uring_zcrx_rqe: Debug + Copy + Default;
            }
            let _ = io_uring_region_desc {
                user_addr: 0, size: 0, flags: 0, id: 0, mmap_offset: 0, ..Default::default()
            };
            let _ = io_uring_zcrx_area_reg {
                addr: 0, len: 0, rq_area_token: 0, flags: 0, dmabuf_fd: 0, ..Default::default()
            };
            let _ = io_uring_zcrx_ifq_reg {
                if_idx: 0, if_rxq: 0, rq_entries: 0, flags: 0, area_ptr: 0, region_ptr: 0, zcrx_id: 0,
                ..Default::default()
            };
            let _ = (io_uring_zcrx_ifq_reg::default().offsets.rqes, io_uring_zcrx_cqe::default().off);
            let _ = io_uring_zcrx_rqe { off: 0, len: 0, ..Default::default() };
            // The structs of the C library, under names of their own, reached by a cast.
            let (status, event) = (std::ptr::null_mut::<libc::statx>(), std::ptr::null_mut::<libc::epoll_event>());
            let _: (*mut statx, *mut epoll_event) = (status as *mut statx, event.cast());
        }

        #[rustfmt::skip]
        fn builders() {
            use libc::{c_char, c_int, c_void, iovec, mode_t, msghdr, off_t, sockaddr, socklen_t};
            use types::{Fd, Fixed, FsyncFlags, TimeoutFlags, Timespec};

            type Slot = Option<types::DestinationSlot>;
            builders! {
                Nop() {} -> Sq, 0;
                Readv(Fd, *const iovec, u32)
                    { ioprio: u16, offset: u64, rw_flags: i32, buf_group: u16 } -> Sq, 1;
                Writev(Fixed, *const iovec, u32)
                    { ioprio: u16, offset: u64, rw_flags: i32, write_stream: u8 } -> Sq, 2;
                Fsync(Fd) { offset: u64, len: u32, flags: FsyncFlags } -> Sq, 3;
                ReadFixed(Fixed, *mut u8, u32, u16)
                    { ioprio: u16, offset: u64, rw_flags: i32 } -> Sq, 4;
                WriteFixed(Fixed, *const u8, u32, u16)
                    { ioprio: u16, offset: u64, rw_flags: i32, write_stream: u8 } -> Sq, 5;
                PollAdd(Fixed, u32) { multi: bool } -> Sq, 6;
                PollRemove(u64) {} -> Sq, 7;
                SyncFileRange(Fd, u32) { offset: u64, flags: u32 } -> Sq, 8;
                SendMsg(Fd, *const msghdr) { ioprio: u16, flags: u32 } -> Sq, 9;
                RecvMsg(Fd, *mut msghdr) { ioprio: u16, flags: u32, buf_group: u16 } -> Sq, 10;
                RecvMsgMulti(Fixed, *const msghdr, u16) { ioprio: u16, flags: u32 } -> Sq, 10;
                Timeout(*const Timespec) { count: u32, flags: TimeoutFlags } -> Sq, 11;
                TimeoutRemove(u64) {} -> Sq, 12;
                TimeoutUpdate(u64, *const Timespec) { flags: TimeoutFlags } -> Sq, 12;
                Accept(Fixed, *mut sockaddr, *mut socklen_t) { file_index: Slot, flags: i32 } -> Sq, 13;
                AcceptMulti(Fd) { allocate_file_index: bool, flags: i32 } -> Sq, 13;
                AsyncCancel(u64) {} -> Sq, 14;
                AsyncCancel2(types::CancelBuilder) {} -> Sq, 14;
                LinkTimeout(*const Timespec) { flags: TimeoutFlags } -> Sq, 15;
                Connect(Fd, *const sockaddr, socklen_t) {} -> Sq, 16;
                Fallocate(Fixed, u64) { offset: u64, mode: i32 } -> Sq, 17;
                OpenAt(Fd, *const c_char) { file_index: Slot, flags: i32, mode: mode_t } -> Sq, 18;
                Close(Fd) {} -> Sq, 19;
                Close(Fixed) {} -> Sq, 19;
                FilesUpdate(*const RawFd, u32) { offset: i32 } -> Sq, 20;
                Statx(Fd, *const c_char, *mut types::statx) { flags: i32, mask: u32 } -> Sq, 21;
                Read(Fd, *mut u8, u32)
                    { offset: u64, ioprio: u16, rw_flags: i32, buf_group: u16 } -> Sq, 22;
                Write(Fixed, *const u8, u32)
                    { offset: u64, ioprio: u16, rw_flags: i32, write_stream: u8 } -> Sq, 23;
                Fadvise(Fd, off_t, i32) { offset: u64 } -> Sq, 24;
                Madvise(*const c_void, off_t, i32) {} -> Sq, 25;
                Send(Fixed, *const u8, u32) {
                    ioprio: u16, flags: i32, dest_addr: *const sockaddr, dest_addr_len: socklen_t
                } -> Sq, 26;
                SendBundle(Fd, u16) { flags: i32, len: u32 } -> Sq, 26;
                Recv(Fixed, *mut u8, u32) { ioprio: u16, flags: i32, buf_group: u16 } -> Sq, 27;
                RecvMulti(Fd, u16) { flags: i32, len: u32 } -> Sq, 27;
                RecvBundle(Fd, u16) { flags: i32 } -> Sq, 27;
                RecvMultiBundle(Fixed, u16) { flags: i32 } -> Sq, 27;
                OpenAt2(Fd, *const c_char, *const types::OpenHow) { file_index: Slot } -> Sq, 28;
                EpollCtl(Fd, Fd, i32, *const types::epoll_event) {} -> Sq, 29;
                Splice(Fixed, i64, Fd, i64, u32) { flags: u32 } -> Sq, 30;
                ProvideBuffers(*mut u8, i32, u16, u16, u16) {} -> Sq, 31;
                RemoveBuffers(u16, u16) {} -> Sq, 32;
                Tee(Fd, Fixed, u32) { flags: u32 } -> Sq, 33;
                Shutdown(Fd, i32) {} -> Sq, 34;
                RenameAt(Fd, *const c_char, Fd, *const c_char) { flags: u32 } -> Sq, 35;
                UnlinkAt(Fd, *const c_char) { flags: i32 } -> Sq, 36;
                MkDirAt(Fd, *const c_char) { mode: mode_t } -> Sq, 37;
                SymlinkAt(Fd, *const c_char, *const c_char) {} -> Sq, 38;
                LinkAt(Fd, *const c_char, Fd, *const c_char) { flags: i32 } -> Sq, 39;
                MsgRingData(Fd, i32, u64, Option<u32>) { opcode_flags: u32 } -> Sq, 40;
                MsgRingSendFd(Fd, Fixed, types::DestinationSlot, u64) { opcode_flags: u32 } -> Sq, 40;
                FSetXattr(Fixed, *const c_char, *const c_void, u32) { flags: i32 } -> Sq, 41;
                SetXattr(*const c_char, *const c_void, *const c_char, u32) { flags: i32 } -> Sq, 42;
                FGetXattr(Fd, *const c_char, *mut c_void, u32) {} -> Sq, 43;
                GetXattr(*const c_char, *mut c_void, *const c_char, u32) {} -> Sq, 44;
                Socket(i32, i32, i32) { file_index: Slot, flags: i32 } -> Sq, 45;
                UringCmd16(Fixed, u32)
                    { buf_index: Option<u16>, cmd: [u8; 16], addr: Option<u64> } -> Sq, 46;
                UringCmd80(Fd, u32)
                    { buf_index: Option<u16>, cmd: [u8; 80], addr: Option<u64> } -> Sq128, 46;
                SetSockOpt(Fd, u32, u32, *const c_void, u32) { flags: u32 } -> Sq, 46;
                SendZc(Fd, *const u8, u32) {
                    buf_index: Option<u16>, dest_addr: *const sockaddr, dest_addr_len: socklen_t,
                    flags: i32, zc_flags: u16
                } -> Sq, 47;
                SendMsgZc(Fixed, *const msghdr) { ioprio: u16, flags: u32 } -> Sq, 48;
                ReadMulti(Fd, u32, u16) { offset: u64 } -> Sq, 49;
                WaitId(libc::idtype_t, libc::id_t, c_int)
                    { infop: *const libc::siginfo_t, flags: libc::c_uint } -> Sq, 50;
                FutexWait(*const u32, u64, u64, u32) { flags: u32 } -> Sq, 51;
                FutexWake(*const u32, u64, u64, u32) { flags: u32 } -> Sq, 52;
                FutexWaitV(*const types::FutexWaitV, u32) { flags: u32 } -> Sq, 53;
                FixedFdInstall(Fixed, u32) {} -> Sq, 54;
                Ftruncate(Fd, u64) {} -> Sq, 55;
                Bind(Fd, *const sockaddr, socklen_t) {} -> Sq, 56;
                Listen(Fixed, i32) {} -> Sq, 57;
                RecvZc(Fd, u32) { ifq: u32, ioprio: u16 } -> Sq, 58;
                EpollWait(Fd, *mut types::epoll_event, u32) { flags: u32 } -> Sq, 59;
                ReadvFixed(Fd, *const iovec, u32, u16)
                    { ioprio: u16, offset: u64, rw_flags: i32 } -> Sq, 60;
                WritevFixed(Fd, *const iovec, u32, u16)
                    { ioprio: u16, offset: u64, rw_flags: i32, write_stream: u8 } -> Sq, 61;
                Pipe(*mut RawFd) { flags: u32, file_index: Slot } -> Sq, 62;
            }
        }

        #[test]
        fn all_of_it() {
            parameters();
            submitter();
            entries();
            arguments();
            builders();
        }
    };
}

mod there {
    the_api_of!(io_uring);
}

mod here {
    the_api_of!(safe::uring::raw);

    /// What has another type than there; the documentation of `safe::uring::raw` says why.
    #[test]
    fn what_differs() {
        functions! {
            // The kernel reads memory by the addresses in it, and writes to it: there safe, and by `&`.
            Submitter::register_ifq => unsafe fn(
                &Submitter<'static>, &mut types::io_uring_zcrx_ifq_reg) -> io::Result<()>;
            // There a deprecated name of `u32`, which no function takes.
            types::RwFlags::from => fn(u32) -> types::RwFlags;
        }
    }
}
