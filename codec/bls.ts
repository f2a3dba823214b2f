import { createRequire } from 'node:module'
import type { PublicKeyType, SecretKeyType, SignatureType } from 'bls-eth-wasm'
import { CodecError, isCodecError } from './errors.ts'

const BLS_PUBLIC_KEY_LENGTH = 48
const BLS_SIGNATURE_LENGTH = 96
const BLS_SECRET_LENGTH = 32

/** The library copies messages to its stack of 1 MiB, and writes over its own data where that has no room. */
const MAX_MESSAGE_BYTES = 256 * 1024

/**
 * BLS12-381 signatures as Sui and Walrus have them: public keys in G1 (48 bytes), signatures in G2 (96 bytes), hash to
 * curve with the domain `BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_`. Every method throws INVALID_KEY when bytes are
 * no key, no point of the group or the point at infinity; `verify*` answer false then. A message has at most 256 KiB; for a
 * longer one every method throws a RangeError.
 */
export interface Bls {
  /** 32 random bytes, reduced to a scalar, big-endian */
  generateSecret(): Uint8Array
  /** 48 bytes, compressed, of a secret of 32. */
  publicKey(secret: Uint8Array): Uint8Array
  /** 96 bytes, compressed; takes 3 ms. */
  sign(secret: Uint8Array, message: Uint8Array): Uint8Array
  /** Whether this key signed these bytes; takes 7 ms. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  /** The sum of signatures, 96 bytes. */
  aggregateSignatures(signatures: readonly Uint8Array[]): Uint8Array
  /**
   * One signature of many keys over the same message. Safe only for keys whose possession was proven, or one signer
   * could cancel the others' keys out.
   */
  verifyAggregate(publicKeys: readonly Uint8Array[], message: Uint8Array, signature: Uint8Array): boolean
  /** An empty sum; `free` it. */
  sum(): BlsSum
}

/**
 * Signatures over one message with their keys, added up as they come, so that only one check is left in the end: reading
 * the points is half of the work. Safe only for keys whose possession was proven.
 */
export interface BlsSum extends Disposable {
  /** how many were added */
  readonly count: number
  /** Throws INVALID_KEY; then nothing was added. */
  add(publicKey: Uint8Array, signature: Uint8Array): void
  /** The aggregate of what was added; undefined when it does not verify, or nothing was added. */
  verified(message: Uint8Array): Uint8Array | undefined
  /** It must not be used afterwards. */
  free(): void
}

/** Loads the wasm library; takes some 75 ms, so do it once per process and pass it on. */
export async function loadBls(): Promise<Bls> {
  // what the package gives by its name is one library for the whole process, of which an app may use another domain
  const require = createRequire(import.meta.url)
  const setUp = require('bls-eth-wasm/src/bls.js') as (createModule: unknown) => Library
  const library = setUp(require('bls-eth-wasm/src/bls_c.js'))
  await library.init()
  library.verifyPublicKeyOrder(true)
  library.verifySignatureOrder(true)
  library.setDstG2(new TextEncoder().encode(DOMAIN))
  return new WasmBls(library)
}

const DOMAIN = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_'

/** What is used of `bls-eth-wasm`. Its values are bytes outside of wasm, which the garbage collector frees. */
interface Library {
  init(): Promise<void>
  /** whether what is read must be a point of the group, and not of the curve alone */
  verifyPublicKeyOrder(verify: boolean): void
  verifySignatureOrder(verify: boolean): void
  /** the domain of signatures */
  setDstG2(domain: Uint8Array): void
  SecretKey: new () => SecretKeyType
  PublicKey: new () => PublicKeyType
  Signature: new () => SignatureType
}

class WasmBls implements Bls {
  readonly #library: Library

  constructor(library: Library) {
    this.#library = library
  }

  generateSecret(): Uint8Array {
    const secret = new this.#library.SecretKey()
    secret.setLittleEndianMod(crypto.getRandomValues(new Uint8Array(BLS_SECRET_LENGTH)))
    return secret.serialize()
  }

  publicKey(secret: Uint8Array): Uint8Array {
    return this.#secret(secret).getPublicKey().serialize()
  }

  sign(secret: Uint8Array, message: Uint8Array): Uint8Array {
    expectLength(message)
    return this.#secret(secret).sign(message).serialize()
  }

  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    return this.verifyAggregate([publicKey], message, signature)
  }

  aggregateSignatures(signatures: readonly Uint8Array[]): Uint8Array {
    if (signatures.length === 0) throw invalidKey('an empty list of signatures')
    return added(signatures.map(signature => this.#signature(signature))).serialize()
  }

  verifyAggregate(publicKeys: readonly Uint8Array[], message: Uint8Array, signature: Uint8Array): boolean {
    expectLength(message)
    if (publicKeys.length === 0) return false
    try {
      const point = this.#signature(signature)
      return isSignedBy(added(publicKeys.map(key => this.#publicKey(key))), message, point)
    } catch (error) {
      if (isCodecError(error, 'INVALID_KEY')) return false
      throw error
    }
  }

  sum(): BlsSum {
    let sums: { key: PublicKeyType; signature: SignatureType } | undefined
    let count = 0
    const free = (): void => {
      sums = undefined
    }
    return {
      get count() {
        return count
      },
      add: (publicKeyBytes, signatureBytes) => {
        const [key, signature] = [this.#publicKey(publicKeyBytes), this.#signature(signatureBytes)]
        sums?.key.add(key)
        sums?.signature.add(signature)
        sums ??= { key, signature }
        count++
      },
      verified(message) {
        expectLength(message)
        const isSigned = sums !== undefined && isSignedBy(sums.key, message, sums.signature)
        return isSigned ? sums?.signature.serialize() : undefined
      },
      free,
      [Symbol.dispose]: free,
    }
  }

  #secret(bytes: Uint8Array): SecretKeyType {
    return read(new this.#library.SecretKey(), bytes, BLS_SECRET_LENGTH, 'a BLS secret key')
  }

  #publicKey(bytes: Uint8Array): PublicKeyType {
    return read(new this.#library.PublicKey(), bytes, BLS_PUBLIC_KEY_LENGTH, 'a BLS public key')
  }

  #signature(bytes: Uint8Array): SignatureType {
    return read(new this.#library.Signature(), bytes, BLS_SIGNATURE_LENGTH, 'a BLS signature')
  }
}

interface Readable {
  deserialize(bytes: Uint8Array): void
  isZero(): boolean
}

/** What the bytes are, in `into`. No zero: at infinity is a key that verifies anything. */
function read<T extends Readable>(into: T, bytes: Uint8Array, length: number, what: string): T {
  if (bytes.length !== length) throw invalidKey(what)
  try {
    into.deserialize(bytes)
  } catch (cause) {
    throw invalidKey(what, cause)
  }
  if (into.isZero()) throw invalidKey(what)
  return into
}

/** The sum, in the first. */
function added<T extends { add(other: T): void }>([sum, ...others]: readonly T[]): T {
  for (const other of others) sum!.add(other)
  return sum!
}

/** Keys that cancel each other out have signed nothing; the library says so, too. */
function isSignedBy(key: PublicKeyType, message: Uint8Array, signature: SignatureType): boolean {
  return !key.isZero() && !signature.isZero() && key.verify(signature, message)
}

function expectLength({ length }: Uint8Array): void {
  if (length > MAX_MESSAGE_BYTES)
    throw new RangeError(`a message of ${length} bytes is not signed by BLS here`)
}

function invalidKey(what: string, cause?: unknown): CodecError {
  return new CodecError('INVALID_KEY', `not ${what}`, { what }, { cause })
}
