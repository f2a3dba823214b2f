import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { BlobObject } from '../../chain/types/index.ts'
import {
  blobIdFromBytes,
  encodedSize,
  objectIdFromBytes,
  parseObjectId,
  quiltInBlob,
} from '../../codec/index.ts'
import type { BlobId, Certificate, Epoch, ObjectId, ShardIndex } from '../../codec/types.ts'
import { ClientError } from '../../node/client/errors.ts'
import type {
  BlobHandle,
  ByteRange,
  Client,
  HandleReadOptions,
  StoreOptions,
  StoreResult,
  StoreSource,
} from '../../node/client/types.ts'

/** `certify`: the part of `store` after it has paid; a call of its own only where it is held or fails */
export type Operation = 'store' | 'certify' | 'sendRegistered' | 'read' | 'open' | 'status' | 'info'

/** A network in memory. Its blob IDs are SHA-256, so that no codec is needed. */
export interface FakeClient extends Client {
  readonly blobs: Map<BlobId, Uint8Array>
  /** operations begun, in order, and how each ended */
  readonly calls: { operation: Operation; outcome?: 'ok' | 'aborted' | 'failed'; options?: unknown }[]
  /** Makes an operation fail from now on; undefined lets it work again. */
  fail(operation: Operation, error: Error | undefined): void
  /** Makes calls of an operation wait until the function returned is called. */
  hold(operation: Operation): () => void
  /** Resolves once `count` calls of the operation have begun. */
  begun(operation: Operation, count: number): Promise<void>
  /** Resolves once `count` calls of the operation have ended. */
  ended(operation: Operation, count: number): Promise<void>
}

async function bytesOf(source: StoreSource): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source
  if ('path' in source) return await readFile(source.path)
  return Buffer.concat(await Array.fromAsync(source))
}

const EPOCH = 1 as Epoch
const idOf = (text: string) => objectIdFromBytes(createHash('sha256').update(text).digest())
const SHARED = parseObjectId('0x5a4ed')
const SENDER = parseObjectId('0xa11ce')

export interface FakeClientInit {
  nShards?: number
  maxEpochsAhead?: number
  /** what blobs are streamed in; one piece when absent */
  pieceBytes?: number
  /** a stream gives so many bytes, and then nothing until it is ended */
  stallAfterBytes?: number
  onStall?: () => void
}

export function createFakeClient(init: FakeClientInit = {}): FakeClient {
  const { nShards = 100, maxEpochsAhead = 53, pieceBytes = Number.POSITIVE_INFINITY } = init
  const blobs = new Map<BlobId, Uint8Array>()
  const objects = new Map<BlobId, BlobObject>()
  const calls: FakeClient['calls'] = []
  const failures = new Map<Operation, Error>()
  const holds = new Map<Operation, Promise<void>>()
  const watchers = new Set<() => void>()
  const changed = () => {
    for (const watcher of watchers) watcher()
  }

  async function run<T>(
    operation: Operation,
    options: { signal?: AbortSignal } | undefined,
    work: () => T | Promise<T>,
  ): Promise<T> {
    const call: FakeClient['calls'][number] = { operation, options }
    calls.push(call)
    changed()
    const signal = options?.signal
    try {
      signal?.throwIfAborted()
      await unlessAborted(holds.get(operation), signal)
      const failure = failures.get(operation)
      if (failure !== undefined) throw failure
      const result = await work()
      call.outcome = 'ok'
      return result
    } catch (error) {
      call.outcome = signal?.aborted ? 'aborted' : 'failed'
      throw error
    } finally {
      changed()
    }
  }

  function until(condition: () => boolean): Promise<void> {
    return new Promise(resolve => {
      const watcher = () => {
        if (!condition()) return
        watchers.delete(watcher)
        resolve()
      }
      watchers.add(watcher)
      watcher()
    })
  }

  function find(blobId: BlobId): Uint8Array {
    const data = blobs.get(blobId)
    if (data !== undefined) return data
    const details = { blobId, answeredShards: nShards, neededShards: 67 }
    throw new ClientError('BLOB_NOT_FOUND', `no blob ${blobId} is stored on this network`, details)
  }

  function store(data: Uint8Array, objectId: ObjectId, options: StoreOptions): StoreResult {
    const bytes = Uint8Array.from(data)
    const blobId = blobIdFromBytes(createHash('sha256').update(bytes).digest())
    const known = objects.get(blobId)
    if (known !== undefined && !options.force && options.sendObjectTo === undefined && !options.share) {
      return { kind: 'alreadyCertified', blobId, endEpoch: known.storage.endEpoch, objectId: known.objectId }
    }
    const encodedLength = encodedSize(nShards, bytes.length)
    const blob: BlobObject = {
      objectId,
      blobId,
      registeredEpoch: EPOCH,
      certifiedEpoch: EPOCH,
      size: bytes.length,
      encodingType: 1,
      deletable: options.deletable,
      storage: {
        id: idOf(`storage ${calls.length}`),
        startEpoch: EPOCH,
        endEpoch: (EPOCH + options.epochs) as Epoch,
        storageSize: BigInt(encodedLength),
      },
      owner: options.sendObjectTo ?? SENDER,
    }
    for (const phase of ['encode', 'register', 'upload', 'certify'] as const) {
      options.onProgress?.({ phase, done: 1, total: 1 })
    }
    blobs.set(blobId, bytes)
    objects.set(blobId, blob)
    const costFrost = 132_300n * BigInt(options.epochs)
    return {
      kind: 'newlyCreated',
      blobId,
      blob,
      costFrost,
      encodedLength,
      epochsAhead: options.epochs,
      operation: { kind: 'registerFromScratch' },
      sharedBlob: options.share ? SHARED : undefined,
      confirmedShards: nShards,
    }
  }

  function openBlob(blobId: BlobId, data: Uint8Array): BlobHandle {
    const part = ({ start = 0, end = data.length }: Partial<ByteRange> = {}) => data.slice(start, end)
    async function* stream(options: HandleReadOptions = {}): AsyncGenerator<Uint8Array> {
      const bytes = await run('read', options as { signal?: AbortSignal }, () => part(options))
      const total = bytes.length
      for (let at = 0; at < total; at += pieceBytes) {
        // a network that fails after some of it
        const failure = failures.get('read')
        if (failure !== undefined) throw failure
        options.signal?.throwIfAborted()
        if (init.stallAfterBytes !== undefined && at >= init.stallAfterBytes) {
          init.onStall?.()
          await unlessAborted(new Promise(() => {}), options.signal)
        }
        const piece = bytes.subarray(at, Math.min(at + pieceBytes, total))
        yield piece
        options.onProgress?.({ phase: 'fetch', done: at + piece.length, total })
      }
    }
    const close = async () => {}
    return {
      blobId,
      size: data.length,
      metadata: {
        blobId,
        encodingType: 'RS2',
        unencodedLength: data.length,
        nShards,
        hashes: new Uint8Array(64 * nShards),
      },
      liars: [],
      stream,
      async read(options) {
        const pieces: Uint8Array[] = []
        for await (const piece of stream(options)) pieces.push(piece)
        return Buffer.concat(pieces)
      },
      memoryFor: range => Math.min(part(range).length, 2 * pieceBytes),
      async verifiedBytes(source) {
        const there = new Uint8Array(Math.min(source.length, data.length))
        await source.read(0, there)
        const wrong = there.findIndex((byte, i) => byte !== data[i])
        return wrong < 0 ? there.length : wrong
      },
      column: (index, options) =>
        run('read', options, () => quiltInBlob(blobId, data, nShards).column(index, {})),
      close,
      [Symbol.asyncDispose]: close,
    }
  }

  return {
    blobs,
    calls,
    fail: (operation, error) =>
      error === undefined ? failures.delete(operation) : failures.set(operation, error),
    hold(operation) {
      const held = Promise.withResolvers<void>()
      holds.set(operation, held.promise)
      return () => {
        holds.delete(operation)
        held.resolve()
      }
    },
    begun: (operation, count) =>
      until(() => calls.filter(call => call.operation === operation).length >= count),
    ended: (operation, count) =>
      until(
        () =>
          calls.filter(call => call.operation === operation && call.outcome !== undefined).length >= count,
      ),

    store: (source, options) =>
      run('store', options, async () => {
        const bytes = await bytesOf(source)
        options.onSubmitted?.()
        const objectId = options.goOnWith ?? idOf(`object ${calls.length}`)
        await options.onRegistered?.(objectId)
        if (holds.has('certify') || failures.has('certify')) await run('certify', options, () => {})
        return store(bytes, objectId, options)
      }),
    sendRegistered: (source, { blobId }, options) =>
      run('sendRegistered', options, async () => {
        const bytes = await bytesOf(source)
        const actual = blobIdFromBytes(createHash('sha256').update(bytes).digest())
        if (actual !== blobId)
          throw new ClientError('BLOB_ID_MISMATCH', 'these bytes are another blob', { blobId, actual })
        blobs.set(blobId, bytes)
        return {
          epoch: EPOCH,
          signers: [0],
          message: Uint8Array.of(1, 2, 3),
          signature: new Uint8Array(48).fill(251),
        } as unknown as Certificate
      }),
    read: (blobId, options) =>
      run('read', options, async () => {
        const data = find(blobId)
        const { start, end } = options?.range ?? { start: 0, end: data.length }
        options?.onProgress?.({ phase: 'fetch', done: 1, total: 1 })
        return { blobId, size: data.length, data: data.slice(start, end) }
      }),
    open: (blobId, options) => run('open', options, () => openBlob(blobId, find(blobId))),
    status: (blobId, options) =>
      run('status', options, () => {
        const object = objects.get(blobId)
        const answered = { answeredShards: nShards, nShards }
        if (object === undefined) return { blobId, status: 'nonexistent' as const, ...answered }
        const { deletable, size } = object
        const endEpoch = object.storage.endEpoch
        return {
          blobId,
          status: 'certified' as const,
          endEpoch,
          initialCertifiedEpoch: EPOCH,
          deletable,
          size,
          ...answered,
        }
      }),
    info: options =>
      run('info', options, () => ({
        system: {
          epoch: EPOCH,
          nShards,
          storagePriceFrost: 100_000n,
          writePriceFrost: 20_000n,
          totalCapacityBytes: 1n << 40n,
          usedCapacityBytes: 1n << 20n,
          maxEpochsAhead,
          epochDurationMs: 86_400_000,
        },
        committees: {
          epoch: EPOCH,
          state: { kind: 'done' as const, sinceMs: 1_700_000_000_000 },
          current: { epoch: EPOCH, nShards, members: [fakeMember(nShards)] },
        },
      })),
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }
}

function fakeMember(nShards: number) {
  return {
    index: 0,
    nodeId: parseObjectId('0x1'),
    name: 'node-0',
    networkAddress: '127.0.0.1:1',
    networkPublicKey: new Uint8Array(33),
    blsPublicKey: new Uint8Array(48),
    shards: Array.from({ length: nShards }, (_, i) => i as ShardIndex),
    multiaddrs: ['/ip4/127.0.0.1/tcp/1'],
  }
}

async function unlessAborted(
  work: Promise<void> | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (work === undefined || signal === undefined) return await work
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
