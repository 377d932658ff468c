"""The floor under every web push message: one P-256 key and one derivation, by libcrypto itself."""

import ctypes
import ctypes.util
import sys
import time

P256 = 415


class Floor:
    """libcrypto's EC_KEY_generate_key and ECDH_compute_key, called through ctypes on key objects that are kept."""

    def __init__(self) -> None:
        name = ctypes.util.find_library("crypto")
        if name is None:
            sys.exit("The benchmark needs libcrypto for its floor. Run: apt install libssl3")
        self._lib = library = ctypes.CDLL(name)
        pointer = ctypes.c_void_p
        library.EC_KEY_new_by_curve_name.restype = pointer
        library.EC_KEY_get0_public_key.restype = pointer
        library.EC_KEY_get0_public_key.argtypes = [pointer]
        library.EC_KEY_generate_key.argtypes = [pointer]
        library.ECDH_compute_key.argtypes = [pointer, ctypes.c_size_t, pointer, pointer, pointer]
        library.OpenSSL_version.restype = ctypes.c_char_p
        self.version = library.OpenSSL_version(0).decode()
        self._own = library.EC_KEY_new_by_curve_name(P256)
        self._peer = library.EC_KEY_new_by_curve_name(P256)
        library.EC_KEY_generate_key(self._peer)
        self._point = library.EC_KEY_get0_public_key(self._peer)
        self._secret = ctypes.create_string_buffer(32)

    def once(self) -> None:
        """Make one key and derive one secret. Raises RuntimeError if libcrypto says it could not."""
        made = self._lib.EC_KEY_generate_key(self._own)
        derived = self._lib.ECDH_compute_key(self._secret, 32, self._point, self._own, None)
        if made != 1 or derived != 32:
            raise RuntimeError("libcrypto could not make a key or derive a secret")

    def microseconds(self, times: int = 3000) -> float:
        """CPU microseconds of one, over so many."""
        before = time.process_time()
        for _ in range(times):
            self.once()
        return (time.process_time() - before) / times * 1e6
