import { readFile } from 'node:fs/promises'
import createModule, { type G1Element, type G2Element, type ModuleInstance } from 'bls-signatures'
import { CodecError, isCodecError } from './errors.ts'

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
  /** 48 bytes, compressed, of a secret of 32. */
  publicKey(secret: Uint8Array): Uint8Array
  /** 96 bytes, compressed; takes 7 ms. */
  sign(secret: Uint8Array, message: Uint8Array): Uint8Array
  /** Whether this key signed these bytes; takes 25 ms. */
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

/** Loads the wasm library; takes some 50 ms, so do it once per process and pass it on. */
export async function loadBls(): Promise<Bls> {
  const library = await WebAssembly.compile(await readLibrary())
  return new ChiaBls(() => instantiate(library))
}

/** One instantiation of the library, with memory of its own. */
interface Instance {
  readonly lib: ModuleInstance
  /** times that it refused bytes */
  refused: number
}

/** Its code lies beside the script that wraps it. */
async function readLibrary(): Promise<BufferSource> {
  return readFile(new URL('blsjs.wasm', import.meta.resolve('bls-signatures')))
}

/** Ready when it returns, unlike the promise that the library gives: it only waits for its code otherwise. */
function instantiate(library: WebAssembly.Module): Instance {
  const lib = {
    // it would tell stderr of each refusal
    printErr: () => undefined,
    instantiateWasm(imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void) {
      const instance = new WebAssembly.Instance(library, imports)
      done(instance)
      return instance.exports
    },
  }
  const create = createModule as unknown as (options: object) => Promise<unknown>
  void create(lib)
  return { lib: lib as unknown as ModuleInstance, refused: 0 }
}

/**
 * Bytes that are no key and no point end the library's call midway, and what it had on its stack of 64 KiB stays there.
 * After 80 refusals it has no stack left and answers anything: so another instance, which takes 5 ms, goes on long before.
 */
const WORN = 16

interface Deletable {
  delete(): void
}
type Keep = <D extends Deletable>(object: D) => D

/** Chia's `bls-signatures`: its basic scheme has exactly this domain. Its objects live outside the garbage collector. */
class ChiaBls implements Bls {
  #current: Instance
  readonly #instantiate: () => Instance

  constructor(instantiate: () => Instance) {
    this.#instantiate = instantiate
    this.#current = instantiate()
  }

  generateSecret(): Uint8Array {
    const random = crypto.getRandomValues(new Uint8Array(BLS_SECRET_LENGTH))
    const { lib } = this.#instance()
    return scoped(keep => keep(lib.PrivateKey.from_bytes(random, true)).serialize().slice())
  }

  publicKey(secret: Uint8Array): Uint8Array {
    const instance = this.#instance()
    return scoped(keep =>
      keep(this.#secret(instance, secret, keep).get_g1())
        .serialize()
        .slice(),
    )
  }

  sign(secret: Uint8Array, message: Uint8Array): Uint8Array {
    const instance = this.#instance()
    return scoped(keep =>
      keep(instance.lib.BasicSchemeMPL.sign(this.#secret(instance, secret, keep), message))
        .serialize()
        .slice(),
    )
  }

  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    return this.verifyAggregate([publicKey], message, signature)
  }

  aggregateSignatures(signatures: readonly Uint8Array[]): Uint8Array {
    if (signatures.length === 0) throw invalidKey('an empty list of signatures')
    const instance = this.#instance()
    return scoped(keep => {
      const points = signatures.map(signature => this.#g2(instance, signature, keep))
      return keep(instance.lib.BasicSchemeMPL.aggregate(points)).serialize().slice()
    })
  }

  verifyAggregate(publicKeys: readonly Uint8Array[], message: Uint8Array, signature: Uint8Array): boolean {
    if (publicKeys.length === 0) return false
    const instance = this.#instance()
    return scoped(keep => {
      let point: G2Element
      let keys: G1Element[]
      try {
        point = this.#g2(instance, signature, keep)
        keys = publicKeys.map(publicKey => this.#g1(instance, publicKey, keep))
      } catch (error) {
        if (isCodecError(error, 'INVALID_KEY')) return false
        throw error
      }
      const key = keys.reduce((sum, next) => keep(sum.add(next)))
      if (key.serialize()[0] === INFINITY) return false
      return instance.lib.BasicSchemeMPL.verify(key, message, point)
    })
  }

  sum(): BlsSum {
    let count = 0
    let sums: { instance: Instance; key: G1Element; point: G2Element } | undefined
    const replace = (next: typeof sums): void => {
      sums?.key.delete()
      sums?.point.delete()
      sums = next
    }
    /** The sum so far as the present instance has it: objects of one mean nothing to another. */
    const moveTo = (instance: Instance): void => {
      if (sums === undefined || sums.instance === instance) return
      const { G1Element, G2Element } = instance.lib
      replace({
        instance,
        key: G1Element.from_bytes(sums.key.serialize()),
        point: G2Element.from_bytes(sums.point.serialize()),
      })
    }
    return {
      get count() {
        return count
      },
      add: (publicKey, signature) =>
        scoped(keep => {
          const instance = this.#instance()
          // a sum at infinity, of keys that cancel each other out, cannot be moved, but is worth nothing either
          if (sums?.key.serialize()[0] !== INFINITY && sums?.point.serialize()[0] !== INFINITY)
            moveTo(instance)
          const of = sums?.instance ?? instance
          const key = this.#g1(of, publicKey, keep)
          const point = this.#g2(of, signature, keep)
          // copies, as what `keep` has goes when this ends
          replace({
            instance: of,
            key: sums?.key.add(key) ?? key.deepcopy(),
            point: sums?.point.add(point) ?? point.deepcopy(),
          })
          count++
        }),
      verified: message => {
        if (sums === undefined) return undefined
        const signature = sums.point.serialize().slice()
        if (signature[0] === INFINITY || sums.key.serialize()[0] === INFINITY) return undefined
        const { BasicSchemeMPL } = sums.instance.lib
        return BasicSchemeMPL.verify(sums.key, message, sums.point) ? signature : undefined
      },
      free: () => replace(undefined),
      [Symbol.dispose]: () => replace(undefined),
    }
  }

  /** The instance for one operation, which refuses once at most: a new one when the last is worn. */
  #instance(): Instance {
    if (this.#current.refused >= WORN) this.#current = this.#instantiate()
    return this.#current
  }

  #secret(instance: Instance, bytes: Uint8Array, keep: Keep) {
    const what = 'a BLS secret key'
    if (bytes.length !== BLS_SECRET_LENGTH || bytes.every(byte => byte === 0)) throw invalidKey(what)
    return keep(this.#read(instance, what, ({ PrivateKey }) => PrivateKey.from_bytes(bytes, false)))
  }

  #g1(instance: Instance, bytes: Uint8Array, keep: Keep): G1Element {
    const what = 'a BLS public key'
    if (bytes.length !== BLS_PUBLIC_KEY_LENGTH || bytes[0] === INFINITY) throw invalidKey(what)
    return keep(this.#read(instance, what, ({ G1Element }) => G1Element.from_bytes(bytes)))
  }

  #g2(instance: Instance, bytes: Uint8Array, keep: Keep): G2Element {
    const what = 'a BLS signature'
    if (bytes.length !== BLS_SIGNATURE_LENGTH || bytes[0] === INFINITY) throw invalidKey(what)
    return keep(this.#read(instance, what, ({ G2Element }) => G2Element.from_bytes(bytes)))
  }

  /** Throws INVALID_KEY when the library refuses the bytes. */
  #read<T>(instance: Instance, what: string, read: (lib: ModuleInstance) => T): T {
    try {
      return read(instance.lib)
    } catch (cause) {
      instance.refused++
      throw invalidKey(what, cause)
    }
  }
}

/** Frees every wasm object that `use` has kept, however it ends. */
function scoped<T>(use: (keep: Keep) => T): T {
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

function invalidKey(what: string, cause?: unknown): CodecError {
  return new CodecError('INVALID_KEY', `not ${what}`, { what }, { cause })
}
