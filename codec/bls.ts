import createModule, { type G1Element, type G2Element, type ModuleInstance } from 'bls-signatures'
import { CodecError } from './errors.ts'

const BLS_PUBLIC_KEY_LENGTH = 48
const BLS_SIGNATURE_LENGTH = 96
const BLS_SECRET_LENGTH = 32

/** First byte of a compressed point at infinity. It would be a key that verifies anything, so it is never taken. */
const INFINITY = 0xc0

/**
 * BLS12-381 signatures as Sui and Walrus have them: public keys in G1 (48 bytes), signatures in G2 (96 bytes), hash to
 * curve with the domain `BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_`. Every method throws INVALID_KEY when bytes are
 * no key, no point of the group or the point at infinity; `verify*` answer false then.
 */
export interface Bls {
  /** 32 random bytes, reduced to a scalar, big-endian */
  generateSecret(): Uint8Array
  publicKey(secret: Uint8Array): Uint8Array
  sign(secret: Uint8Array, message: Uint8Array): Uint8Array
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
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
export interface BlsSum {
  /** how many were added */
  readonly count: number
  /** Throws INVALID_KEY; then nothing was added. */
  add(publicKey: Uint8Array, signature: Uint8Array): void
  /** The aggregate of what was added; undefined when it does not verify, or nothing was added. */
  verified(message: Uint8Array): Uint8Array | undefined
  /** It must not be used afterwards. */
  free(): void
}

/** Loads the wasm library; takes some 50 ms, so do it once per process and pass it on. */
export async function loadBls(): Promise<Bls> {
  return new ChiaBls(await (createModule as unknown as () => Promise<ModuleInstance>)())
}

interface Deletable {
  delete(): void
}

/** Chia's `bls-signatures`: its basic scheme has exactly this domain. Its objects live outside the garbage collector. */
class ChiaBls implements Bls {
  readonly #lib: ModuleInstance

  constructor(lib: ModuleInstance) {
    this.#lib = lib
  }

  generateSecret(): Uint8Array {
    const random = crypto.getRandomValues(new Uint8Array(BLS_SECRET_LENGTH))
    return this.#scoped(keep => keep(this.#lib.PrivateKey.from_bytes(random, true)).serialize().slice())
  }

  publicKey(secret: Uint8Array): Uint8Array {
    return this.#scoped(keep => keep(this.#secret(secret, keep).get_g1()).serialize().slice())
  }

  sign(secret: Uint8Array, message: Uint8Array): Uint8Array {
    return this.#scoped(keep =>
      keep(this.#lib.BasicSchemeMPL.sign(this.#secret(secret, keep), message))
        .serialize()
        .slice(),
    )
  }

  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    return this.verifyAggregate([publicKey], message, signature)
  }

  aggregateSignatures(signatures: readonly Uint8Array[]): Uint8Array {
    if (signatures.length === 0) throw invalidKey('an empty list of signatures')
    return this.#scoped(keep => {
      const points = signatures.map(signature => this.#g2(signature, keep))
      return keep(this.#lib.BasicSchemeMPL.aggregate(points)).serialize().slice()
    })
  }

  verifyAggregate(publicKeys: readonly Uint8Array[], message: Uint8Array, signature: Uint8Array): boolean {
    if (publicKeys.length === 0) return false
    return this.#scoped(keep => {
      let key: G1Element
      let point: G2Element
      try {
        point = this.#g2(signature, keep)
        key = publicKeys
          .map(publicKey => this.#g1(publicKey, keep))
          .reduce((sum, next) => keep(sum.add(next)))
      } catch {
        return false
      }
      if (key.serialize()[0] === INFINITY) return false
      return this.#lib.BasicSchemeMPL.verify(key, message, point)
    })
  }

  sum(): BlsSum {
    let count = 0
    let sums: { key: G1Element; point: G2Element } | undefined
    const replace = (next: typeof sums): void => {
      sums?.key.delete()
      sums?.point.delete()
      sums = next
    }
    return {
      get count() {
        return count
      },
      add: (publicKey, signature) =>
        this.#scoped(keep => {
          const key = this.#g1(publicKey, keep)
          const point = this.#g2(signature, keep)
          // copies, as what `keep` has goes when this ends
          replace({
            key: sums?.key.add(key) ?? key.deepcopy(),
            point: sums?.point.add(point) ?? point.deepcopy(),
          })
          count++
        }),
      verified: message => {
        if (sums === undefined) return undefined
        const signature = sums.point.serialize().slice()
        if (signature[0] === INFINITY || sums.key.serialize()[0] === INFINITY) return undefined
        return this.#lib.BasicSchemeMPL.verify(sums.key, message, sums.point) ? signature : undefined
      },
      free: () => replace(undefined),
    }
  }

  /** Frees every wasm object that `use` has kept, however it ends. */
  #scoped<T>(use: (keep: <D extends Deletable>(object: D) => D) => T): T {
    const kept: Deletable[] = []
    try {
      return use(object => {
        kept.push(object)
        return object
      })
    } finally {
      for (const object of kept) object.delete()
    }
  }

  #secret(bytes: Uint8Array, keep: <D extends Deletable>(object: D) => D) {
    if (bytes.length !== BLS_SECRET_LENGTH || bytes.every(byte => byte === 0))
      throw invalidKey('a BLS secret key')
    try {
      return keep(this.#lib.PrivateKey.from_bytes(bytes, false))
    } catch (cause) {
      throw invalidKey('a BLS secret key', cause)
    }
  }

  #g1(bytes: Uint8Array, keep: <D extends Deletable>(object: D) => D): G1Element {
    if (bytes.length !== BLS_PUBLIC_KEY_LENGTH || bytes[0] === INFINITY) throw invalidKey('a BLS public key')
    try {
      return keep(this.#lib.G1Element.from_bytes(bytes))
    } catch (cause) {
      throw invalidKey('a BLS public key', cause)
    }
  }

  #g2(bytes: Uint8Array, keep: <D extends Deletable>(object: D) => D): G2Element {
    if (bytes.length !== BLS_SIGNATURE_LENGTH || bytes[0] === INFINITY) throw invalidKey('a BLS signature')
    try {
      return keep(this.#lib.G2Element.from_bytes(bytes))
    } catch (cause) {
      throw invalidKey('a BLS signature', cause)
    }
  }
}

function invalidKey(what: string, cause?: unknown): CodecError {
  return new CodecError('INVALID_KEY', `not ${what}`, { what }, { cause })
}
