import type { SuiClientTypes } from '@mysten/sui/client'
import type { GrpcTypes } from '@mysten/sui/grpc'
import { parseStructTag } from '@mysten/sui/utils'
import { defined } from '../../base/defined.ts'
import { blobIdFromU256, parseObjectId } from '../../codec/index.ts'
import type { Epoch, ObjectId, ShardIndex } from '../../codec/types.ts'
import { EVENT_LAYOUTS } from '../bindings/events.ts'
import { decodeMove, safeNumber } from '../bindings/move.ts'
import { ChainError } from '../errors.ts'
import type { ChainEvent, EventCursor } from '../types/index.ts'
import { CHALLENGE_EVENTS_MODULE, decodeChallengeEvent } from './challenge-events.ts'

const EVENTS_MODULE = 'events'
const CURSOR = /^([0-9a-f]{16})-([0-9a-f]{8})-([0-9a-f]{8})(?:-([\x21-\x7e]{1,64}))?$/

/** Where an event is in the chain; the same on every RPC node. */
export interface EventPosition {
  checkpoint: bigint
  /** index of the transaction in its checkpoint */
  transaction: number
  /** index of the event in its transaction */
  event: number
  /** of the transaction, by which a chain that lost its end is told; absent in cursors of earlier versions */
  digest?: string
}

/** Cursors sort as texts in the order of events. */
export function formatCursor({ checkpoint, transaction, event, digest }: EventPosition): EventCursor {
  const hex = (value: bigint | number, digits: number) => value.toString(16).padStart(digits, '0')
  const position = `${hex(checkpoint, 16)}-${hex(transaction, 8)}-${hex(event, 8)}`
  return digest === undefined ? position : `${position}-${digest}`
}

/** Throws INVALID_ARGUMENT for a text that no follower wrote. */
export function parseCursor(cursor: EventCursor): EventPosition {
  const match = CURSOR.exec(cursor)
  if (!match)
    throw new ChainError('INVALID_ARGUMENT', 'not an event cursor', { what: 'event cursor', value: cursor })
  const [, checkpoint, transaction, event, digest] = match
  return defined({
    checkpoint: BigInt(`0x${checkpoint}`),
    transaction: Number.parseInt(transaction!, 16),
    event: Number.parseInt(event!, 16),
    digest,
  })
}

/** The package's events of a checkpoint that come after `after`, in order. */
export function eventsOf(
  checkpoint: GrpcTypes.Checkpoint,
  originalPackageId: ObjectId,
  after: EventPosition | undefined,
): ChainEvent[] {
  const sequence = checkpoint.sequenceNumber
  if (sequence === undefined) throw malformed('checkpoint without a sequence number')
  const timestampMs = toMs(checkpoint.summary?.timestamp)
  const events: ChainEvent[] = []
  checkpoint.transactions.forEach((tx, i) => {
    const transaction = tx.transactionIndex === undefined ? i : Number(tx.transactionIndex)
    tx.events?.events.forEach((event, index) => {
      const position = { checkpoint: sequence, transaction, event: index }
      if (after && !isAfter(position, after)) return
      const tag = parseStructTag(event.eventType ?? '')
      if (parseObjectId(tag.address) !== originalPackageId) return
      const base = {
        cursor: formatCursor({ ...position, digest: tx.digest }),
        digest: tx.digest ?? '',
        eventIndex: index,
        checkpoint: sequence,
        timestampMs,
      }
      events.push({
        ...base,
        ...decodeEvent(tag.module, tag.name, event.contents?.value ?? new Uint8Array()),
      })
    })
  })
  return events
}

/** Whether a checkpoint has the transaction of a position; true when the position does not say which one it was. */
export function hasPosition(
  checkpoint: GrpcTypes.Checkpoint,
  { transaction, digest }: EventPosition,
): boolean {
  if (digest === undefined) return true
  const found = checkpoint.transactions.find((tx, i) => Number(tx.transactionIndex ?? i) === transaction)
  return found?.digest === digest
}

/** The epoch in which a transaction certified this Blob object, by the events that it emitted. */
export function certifiedEpochIn(
  events: readonly SuiClientTypes.Event[],
  originalPackageId: ObjectId,
  objectId: ObjectId,
): Epoch | undefined {
  for (const { eventType, bcs } of events) {
    const tag = parseStructTag(eventType)
    if (parseObjectId(tag.address) !== originalPackageId || tag.module !== EVENTS_MODULE) continue
    const event = decodeEvent(tag.module, tag.name, bcs)
    if (event.type === 'BlobCertified' && event.objectId === objectId) return event.epoch
  }
  return undefined
}

type EventBody = ChainEvent extends infer E ? (E extends ChainEvent ? Omit<E, keyof Base> : never) : never
type Base = Pick<ChainEvent, 'cursor' | 'digest' | 'eventIndex' | 'checkpoint' | 'timestampMs'>

function decodeEvent(module: string, name: string, bytes: Uint8Array): EventBody {
  if (module === CHALLENGE_EVENTS_MODULE) {
    const event = decodeChallengeEvent(name, bytes)
    if (event !== undefined) return event
  }
  if (module !== EVENTS_MODULE || !isKnown(name))
    return { type: 'Other', name: `${module}::${name}`, bcs: bytes }
  switch (name) {
    case 'BlobRegistered': {
      const event = decodeMove(EVENT_LAYOUTS[name], bytes)
      return {
        type: name,
        ...blobFields(event),
        size: safeNumber(event.size, 'size of a blob'),
        deletable: event.deletable,
      }
    }
    case 'BlobCertified': {
      const event = decodeMove(EVENT_LAYOUTS[name], bytes)
      return { type: name, ...blobFields(event), deletable: event.deletable, isExtension: event.is_extension }
    }
    case 'BlobDeleted': {
      const event = decodeMove(EVENT_LAYOUTS[name], bytes)
      return { type: name, ...blobFields(event), wasCertified: event.was_certified }
    }
    case 'InvalidBlobID': {
      const event = decodeMove(EVENT_LAYOUTS[name], bytes)
      return { type: name, epoch: event.epoch as Epoch, blobId: blobIdFromU256(BigInt(event.blob_id)) }
    }
    case 'EpochParametersSelected':
      return { type: name, nextEpoch: decodeMove(EVENT_LAYOUTS[name], bytes).next_epoch as Epoch }
    case 'ShardsReceived':
    case 'ShardRecoveryStart': {
      const { epoch, shards } = decodeMove(EVENT_LAYOUTS[name], bytes)
      return { type: name, epoch: epoch as Epoch, shards: shards as ShardIndex[] }
    }
    case 'EpochChangeStart':
    case 'EpochChangeDone':
      return { type: name, epoch: decodeMove(EVENT_LAYOUTS[name], bytes).epoch as Epoch }
  }
}

function isKnown(name: string): name is keyof typeof EVENT_LAYOUTS {
  return Object.hasOwn(EVENT_LAYOUTS, name)
}

function blobFields(event: { epoch: number; blob_id: string; end_epoch: number; object_id: string }) {
  return {
    epoch: event.epoch as Epoch,
    blobId: blobIdFromU256(BigInt(event.blob_id)),
    endEpoch: event.end_epoch as Epoch,
    objectId: parseObjectId(event.object_id),
  }
}

function isAfter(a: EventPosition, b: EventPosition): boolean {
  if (a.checkpoint !== b.checkpoint) return a.checkpoint > b.checkpoint
  if (a.transaction !== b.transaction) return a.transaction > b.transaction
  return a.event > b.event
}

function toMs(timestamp: { seconds: bigint; nanos: number } | undefined): number {
  return timestamp ? Number(timestamp.seconds) * 1000 + Math.floor(timestamp.nanos / 1_000_000) : 0
}

function malformed(what: string): ChainError {
  return new ChainError('MALFORMED', `the RPC sent a ${what}`, { what })
}
