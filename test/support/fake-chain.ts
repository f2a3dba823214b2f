import { randomBytes } from 'node:crypto'
import { ChainError } from '../../chain/errors.ts'
import type {
  BlobObject,
  CertifyOptions,
  ChainEvent,
  ChainWriter,
  Committee,
  CommitteeMember,
  Committees,
  Coordinator,
  EpochTiming,
  FollowOptions,
  NetworkConfig,
  RegisteredKeys,
  RegisterInput,
  SystemInfo,
  Wallet,
} from '../../chain/types/index.ts'
import { objectIdFromBytes, verifyCertificate } from '../../codec/index.ts'
import { loadBls } from '../../codec/node.ts'
import type { BlobId, Certificate, Epoch, ObjectId, ShardIndex } from '../../codec/types.ts'

export const anyObjectId = (): ObjectId => objectIdFromBytes(randomBytes(32))

type Distribute<T> = T extends unknown
  ? Omit<T, 'cursor' | 'digest' | 'eventIndex' | 'checkpoint' | 'timestampMs'>
  : never
export type BareEvent = Distribute<ChainEvent>

export interface FakeMember {
  name: string
  blsPublicKey: Uint8Array
  networkPublicKey: Uint8Array
  multiaddrs: string[]
}

/** A chain in memory with the same face as the real one, for tests of what lies above it. */
export class FakeChain implements Coordinator {
  readonly network: NetworkConfig
  readonly events: ChainEvent[] = []
  readonly blobs = new Map<ObjectId, BlobObject>()
  readonly committee: Committee
  epoch = 1 as Epoch
  /** the chain's time */
  nowMs = 0
  readonly wallet: Wallet = { address: anyObjectId(), signer: {} as Wallet['signer'] }
  /** awaited by whoever certifies, with the certificate in hand */
  beforeCertify: (() => Promise<void> | void) | undefined
  /** awaited by whoever extends */
  extending: (() => Promise<void>) | undefined
  /** how a certificate of another epoch fails: at its signature, when the members are others, before its epoch is looked at */
  refusal: [module: string, name: string] = ['messages', 'EIncorrectEpoch']
  /** Blob objects inside of shared blobs: none is found under its ID */
  readonly #shared = new Set<ObjectId>()
  #wake = Promise.withResolvers<void>()

  constructor(nShards: number, members: readonly FakeMember[]) {
    const ids = members.map(anyObjectId).sort()
    this.committee = {
      epoch: 1 as Epoch,
      nShards,
      members: members.map(
        (member, index): CommitteeMember => ({
          ...member,
          index,
          nodeId: ids[index]!,
          networkAddress: '127.0.0.1:1',
          shards: Array.from({ length: nShards }, (_, shard) => shard as ShardIndex).filter(
            shard => shard % members.length === index,
          ),
        }),
      ),
    }
    this.network = {
      schemaVersion: 1,
      name: 'fake',
      kind: 'localnet',
      suiRpc: [],
      systemObjectId: anyObjectId(),
      stakingObjectId: anyObjectId(),
      walType: '0x2::wal::WAL',
      peers: [],
    }
  }

  emit(event: BareEvent): void {
    const count = this.events.length + 1
    const base = {
      cursor: String(count),
      digest: `digest-${count}`,
      eventIndex: 0,
      checkpoint: BigInt(count),
      timestampMs: count,
    }
    this.events.push({ ...event, ...base } as ChainEvent)
    this.#wake.resolve()
    this.#wake = Promise.withResolvers()
  }

  async isKept(): Promise<boolean> {
    return true
  }

  async *follow({ from, signal, onCaughtUp }: FollowOptions): AsyncIterable<ChainEvent> {
    const aborted = new Promise<void>(resolve =>
      signal.addEventListener('abort', () => resolve(), { once: true }),
    )
    const tip = this.events.length
    let caughtUp = onCaughtUp
    for (let next = Number(from ?? 0); !signal.aborted; ) {
      if (next >= tip) {
        caughtUp?.()
        caughtUp = undefined
      }
      const wake = this.#wake.promise
      if (next < this.events.length) yield this.events[next++]!
      else await Promise.race([wake, aborted])
    }
  }

  async system(): Promise<SystemInfo> {
    return {
      epoch: this.epoch,
      nShards: this.committee.nShards,
      storagePriceFrost: 1n,
      writePriceFrost: 1n,
      totalCapacityBytes: 1n << 40n,
      usedCapacityBytes: 0n,
      maxEpochsAhead: 53,
      epochDurationMs: 1000,
    }
  }

  async committees(): Promise<Committees> {
    const current = { ...this.committee, epoch: this.epoch }
    return { epoch: this.epoch, state: { kind: 'done', sinceMs: 0 }, current }
  }

  async epochTiming(): Promise<EpochTiming> {
    const { epoch, nowMs } = this
    const state = { kind: 'done', sinceMs: 0 } as const
    return { epoch, state, nowMs, durationMs: 1000, votingEndDueMs: 500, changeDueMs: 1000 }
  }

  async chainTime(): Promise<number> {
    return this.nowMs
  }

  async blob(id: ObjectId): Promise<BlobObject | undefined> {
    return this.#shared.has(id) ? undefined : this.blobs.get(id)
  }

  async nodeKeys(nodeId: ObjectId): Promise<RegisteredKeys | undefined> {
    return this.committee.members.find(member => member.nodeId === nodeId)
  }

  async ownedBlobs(owner: ObjectId): Promise<BlobObject[]> {
    return [...this.blobs.values()].filter(blob => blob.owner === owner)
  }

  async balances(): Promise<{ sui: bigint; wal: bigint }> {
    return { sui: 0n, wal: 0n }
  }

  /** Registers a blob as a transaction of somebody would. */
  register(
    blobId: BlobId,
    options: { deletable?: boolean; size?: number; endEpoch?: number } = {},
  ): BlobObject {
    const { deletable = true, size = 1, endEpoch = this.epoch + 1 } = options
    const objectId = anyObjectId()
    const storage = {
      id: anyObjectId(),
      startEpoch: this.epoch,
      endEpoch: endEpoch as Epoch,
      storageSize: 1n,
    }
    const blob = {
      objectId,
      blobId,
      registeredEpoch: this.epoch,
      size,
      encodingType: 1,
      deletable,
      storage,
      owner: this.wallet.address,
    }
    this.blobs.set(objectId, blob)
    this.emit({
      type: 'BlobRegistered',
      epoch: this.epoch,
      blobId,
      size,
      endEpoch: endEpoch as Epoch,
      deletable,
      objectId,
    })
    return blob
  }

  /** Certifies without looking at a certificate. */
  certify(objectId: ObjectId): BlobObject {
    const blob = this.blobs.get(objectId)
    if (blob === undefined) throw new Error('no such blob')
    const certified = { ...blob, certifiedEpoch: this.epoch }
    this.blobs.set(objectId, certified)
    const { blobId, deletable, storage } = blob
    this.emit({
      type: 'BlobCertified',
      epoch: this.epoch,
      blobId,
      endEpoch: storage.endEpoch,
      deletable,
      objectId,
      isExtension: false,
    })
    return certified
  }

  /** Of a certified blob. */
  extend(objectId: ObjectId, epochs: number): BlobObject {
    const blob = this.blobs.get(objectId)
    if (blob?.certifiedEpoch === undefined) throw aborted('blob', 'ENotCertified')
    if (epochs === 0) return blob
    const endEpoch = (blob.storage.endEpoch + epochs) as Epoch
    const extended = { ...blob, storage: { ...blob.storage, endEpoch } }
    this.blobs.set(objectId, extended)
    const { blobId, deletable } = blob
    this.emit({
      type: 'BlobCertified',
      epoch: blob.certifiedEpoch,
      blobId,
      endEpoch,
      deletable,
      objectId,
      isExtension: true,
    })
    return extended
  }

  writer(wallet: Wallet): ChainWriter {
    const prepareRegistration = async ({ metadata, epochs, deletable }: RegisterInput) => ({
      submit: async () => {
        const endEpoch = this.epoch + epochs
        const blob = this.register(metadata.blobId, { deletable, size: metadata.unencodedLength, endEpoch })
        const digest = 'digest'
        const visible = Promise.resolve({ blob, digest, costFrost: 1n })
        return { objectId: blob.objectId, digest, visible }
      },
      [Symbol.dispose]() {},
    })
    return {
      wallet,
      prepareRegistration,
      register: async (input: RegisterInput) =>
        await (await (await prepareRegistration(input)).submit()).visible,
      certify: async (objectId: ObjectId, certificate: Certificate, options?: CertifyOptions) => {
        await this.beforeCertify?.()
        const before = this.blobs.get(objectId)
        if (before?.certifiedEpoch !== undefined) return { digest: '', blob: before, costFrost: 0n }
        if (before !== undefined && before.storage.endEpoch <= this.epoch)
          throw aborted('blob', 'EResourceBounds')
        if (certificate.epoch !== this.epoch) throw aborted(...this.refusal)
        const { members, nShards } = this.committee
        const weighted = members.map(({ blsPublicKey, shards }) => ({
          publicKey: blsPublicKey,
          weight: shards.length,
        }))
        verifyCertificate({ bls: await loadBls(), certificate, nShards, members: weighted })
        const { transferTo, untilEpoch = 0, share = false } = options ?? {}
        const extendBy = Math.max(0, untilEpoch - (before?.storage.endEpoch ?? untilEpoch))
        this.certify(objectId)
        const extended = this.extend(objectId, extendBy)
        const { owner: _, ...rest } = extended
        const blob = share ? rest : { ...rest, owner: transferTo ?? wallet.address }
        this.blobs.set(objectId, blob)
        const sharedBlob = share ? anyObjectId() : undefined
        if (share) this.#shared.add(objectId)
        return { digest: 'digest', blob, costFrost: BigInt(extendBy), sharedBlob }
      },
      extend: async (objectId: ObjectId, epochs: number) => {
        await this.extending?.()
        return { digest: 'digest', costFrost: BigInt(epochs), blob: this.extend(objectId, epochs) }
      },
      deleteBlob: async (objectId: ObjectId) => {
        const blob = this.blobs.get(objectId)
        if (blob === undefined) throw new Error('no such blob')
        this.blobs.delete(objectId)
        const { blobId, storage, certifiedEpoch } = blob
        const wasCertified = certifiedEpoch !== undefined
        this.emit({
          type: 'BlobDeleted',
          epoch: this.epoch,
          blobId,
          endEpoch: storage.endEpoch,
          objectId,
          wasCertified,
        })
        return { digest: 'digest' }
      },
    }
  }

  /** The next epoch, with the same committee. */
  changeEpoch(): void {
    this.epoch = (this.epoch + 1) as Epoch
    this.emit({ type: 'EpochChangeStart', epoch: this.epoch })
    this.emit({ type: 'EpochChangeDone', epoch: this.epoch })
  }

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

function aborted(module: string, name: string): ChainError {
  return new ChainError('MOVE_ABORT', `${module} aborted with ${name}`, { module, name, abortCode: 1n })
}
