//! How operations lie in a slot, and what the table knows of them when their types are forgotten.

use std::any::TypeId;

/// The bytes that a slot has for an operation.
pub(crate) const INLINE: usize = 432;

/// What can lie in the table: it answers completions `R`.
///
/// # Safety
///
/// The functions of [`Vtable`] are right for the type.
pub(crate) unsafe trait Stored<R: 'static>: Sized {
    /// What to do with a completion that nobody takes, where it lies. With `last`, the operation goes too.
    ///
    /// # Safety
    ///
    /// `payload` holds an operation of this type, and the completion is one of its own. If it is `last`, the
    /// payload is not used again.
    unsafe fn discard(payload: *mut u8, completion: R, last: bool);

    /// Sees a completion of this operation when it is taken from the kernel, in the order of the completions of
    /// all operations, and before it is kept or given out. Runs no code of the user's.
    ///
    /// # Safety
    ///
    /// `payload` holds an operation of this type, and the completion is one of its own, which comes once.
    #[cfg(feature = "uring")]
    unsafe fn note(_payload: *mut u8, _completion: &mut R) {}

    /// The functions of this type.
    const VTABLE: &'static Vtable<R> = &Vtable {
        discard: Self::discard,
        #[cfg(feature = "uring")]
        note: Self::note,
        forget: forget::<R, Self>,
        type_id: no_type_id,
    };
}

/// As [`Stored::VTABLE`], of a type that an event can be asked for.
pub(crate) struct Typed<T>(T);

impl<T: 'static> Typed<T> {
    /// The functions of `T`, with its identity.
    pub(crate) const fn vtable<R: 'static>() -> &'static Vtable<R>
    where
        T: Stored<R>,
    {
        const {
            &Vtable {
                discard: T::discard,
                #[cfg(feature = "uring")]
                note: T::note,
                forget: forget::<R, T>,
                type_id: type_id::<T>,
            }
        }
    }
}

fn type_id<T: 'static>() -> TypeId {
    TypeId::of::<T>()
}

fn no_type_id() -> TypeId {
    TypeId::of::<()>()
}

/// # Safety
///
/// As for [`Table::take`].
unsafe fn forget<R: 'static, T: Stored<R>>(payload: *mut u8) {
    // SAFETY: by the caller's promise.
    drop(unsafe { read::<T>(payload) });
}

/// What the table must know of an operation whose type is forgotten.
pub(crate) struct Vtable<R> {
    pub(super) discard: unsafe fn(*mut u8, R, bool),
    #[cfg(feature = "uring")]
    pub(super) note: unsafe fn(*mut u8, &mut R),
    pub(super) forget: unsafe fn(*mut u8),
    pub(super) type_id: fn() -> TypeId,
}

/// Whether an operation of this type lies in the slot itself.
const fn fits<T>() -> bool {
    size_of::<T>() <= INLINE && align_of::<T>() <= 16
}

/// # Safety
///
/// `payload` is a slot's, which is free.
#[inline]
pub(super) unsafe fn write<T>(payload: *mut u8, value: T) {
    // SAFETY: by the caller's promise there is room for `INLINE` bytes, aligned to 16.
    unsafe {
        if fits::<T>() {
            payload.cast::<T>().write(value);
        } else {
            payload.cast::<Box<T>>().write(Box::new(value));
        }
    }
}

/// Where the operation lies.
///
/// # Safety
///
/// `payload` holds a `T` that [`write`] put there.
#[inline]
pub(crate) unsafe fn at<T>(payload: *mut u8) -> *mut T {
    if fits::<T>() {
        payload.cast()
    } else {
        // SAFETY: by the caller's promise a box lies there. Its address is read, and the box not used.
        unsafe { payload.cast::<*mut T>().read() }
    }
}

/// # Safety
///
/// As for [`at`], and nobody reads it again.
#[inline]
pub(crate) unsafe fn read<T>(payload: *mut u8) -> T {
    // SAFETY: by the caller's promise.
    unsafe {
        if fits::<T>() {
            payload.cast::<T>().read()
        } else {
            *payload.cast::<Box<T>>().read()
        }
    }
}
