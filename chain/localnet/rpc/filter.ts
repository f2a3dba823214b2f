import type { GrpcTypes } from '@mysten/sui/grpc'
import { parseAddress } from '../ledger/address.ts'
import { parseTransaction } from '../ledger/transaction.ts'
import { effectsV2 } from './convert/effects.ts'
import type { TransactionSource } from './convert/transaction.ts'
import { requestPath, requestType } from './request-type.ts'
import { limited, RpcStatus } from './status.ts'

/** In all terms together; each is looked at for every event. */
const MAX_LITERALS = 128

/** An event's parts that filters look at. */
export type EventView = Pick<GrpcTypes.Event, 'packageId' | 'module' | 'sender' | 'eventType'>

/** A filter is an or of terms, a term an and of literals. No terms: everything. */
function compile<L extends { negated: boolean }, V>(
  terms: readonly { literals: readonly L[] }[] | undefined,
  literal: (one: L) => (view: V) => boolean,
): (view: V) => boolean {
  if (terms === undefined || terms.length === 0) return () => true
  const count = terms.reduce((sum, { literals }) => sum + literals.length, terms.length)
  if (count > MAX_LITERALS)
    throw limited('size', `a filter of ${count} terms and literals, at most ${MAX_LITERALS} are read`)
  const compiled = terms.map(({ literals }) =>
    literals.map(one => {
      const test = literal(one)
      return one.negated ? (view: V) => !test(view) : test
    }),
  )
  return view => compiled.some(tests => tests.every(test => test(view)))
}

const startsWith = (path: readonly string[], prefix: readonly string[]): boolean =>
  prefix.every((part, i) => path[i] === part)

const moduleTest = (path: string | undefined): ((event: EventView) => boolean) => {
  const prefix = requestPath(path, 'emit_module', parseAddress)
  return event => startsWith([event.packageId!, event.module!], prefix)
}

/** `package`, `package::module`, `package::module::Name` (any type arguments) or a full type. */
const eventTypeTest = (text: string | undefined): ((event: EventView) => boolean) => {
  if (text?.includes('<')) {
    const type = requestType(text).text
    return event => event.eventType === type
  }
  const prefix = requestPath(text, 'event_type', parseAddress)
  return event => startsWith(event.eventType!.split('<')[0]!.split('::'), prefix)
}

export function eventFilter(filter: GrpcTypes.EventFilter | undefined): (event: EventView) => boolean {
  return compile<GrpcTypes.EventLiteral, EventView>(filter?.terms, ({ predicate }) => {
    switch (predicate.oneofKind) {
      case 'sender': {
        const sender = parseAddress(predicate.sender.address ?? '')
        return event => event.sender === sender
      }
      case 'emitModule':
        return moduleTest(predicate.emitModule.module)
      case 'eventType':
        return eventTypeTest(predicate.eventType.eventType)
      default:
        throw new RpcStatus('UNIMPLEMENTED', `event filter ${predicate.oneofKind ?? 'of no kind'}`)
    }
  })
}

/** A transaction's parts, read when a filter asks. */
export class TransactionView {
  readonly #source: TransactionSource
  #data: ReturnType<typeof parseTransaction> | undefined
  #effects: ReturnType<typeof effectsV2> | undefined
  readonly events: readonly EventView[]

  constructor(source: TransactionSource, events: readonly EventView[]) {
    this.#source = source
    this.events = events
  }

  get data() {
    this.#data ??= parseTransaction(this.#source.transaction)
    return this.#data
  }

  get effects() {
    this.#effects ??= effectsV2(this.#source.effects)
    return this.#effects
  }

  get objectTypes() {
    return this.#source.objectTypes
  }

  get affectedAddresses(): Set<string> {
    const { sender, gasData } = this.data.data
    const addresses = new Set([sender, gasData.owner])
    for (const [, change] of this.effects.changedObjects) {
      const owner = change.outputState.$kind === 'ObjectWrite' ? change.outputState.ObjectWrite[1] : undefined
      if (change.outputState.AccumulatorWriteV1 !== undefined)
        addresses.add(change.outputState.AccumulatorWriteV1.address.address)
      if (owner?.$kind === 'AddressOwner') addresses.add(owner.AddressOwner)
      if (owner?.$kind === 'ConsensusAddressOwner') addresses.add(owner.ConsensusAddressOwner.owner)
    }
    return addresses
  }
}

export function transactionFilter(
  filter: GrpcTypes.TransactionFilter | undefined,
): (view: TransactionView) => boolean {
  return compile<GrpcTypes.TransactionLiteral, TransactionView>(filter?.terms, ({ predicate }) => {
    switch (predicate.oneofKind) {
      case 'sender': {
        const sender = parseAddress(predicate.sender.address ?? '')
        return view => view.data.data.sender === sender
      }
      case 'affectedAddress': {
        const address = parseAddress(predicate.affectedAddress.address ?? '')
        return view => view.affectedAddresses.has(address)
      }
      case 'affectedObject': {
        const id = parseAddress(predicate.affectedObject.objectId ?? '')
        return view =>
          view.effects.changedObjects.some(([changed]) => changed === id) ||
          view.effects.unchangedConsensusObjects.some(([read]) => read === id)
      }
      case 'moveCall': {
        const prefix = requestPath(predicate.moveCall.function, 'move_call', parseAddress)
        return view =>
          view.data.programmable.commands.some(
            ({ MoveCall: call }) => call && startsWith([call.package, call.module, call.function], prefix),
          )
      }
      case 'emitModule': {
        const test = moduleTest(predicate.emitModule.module)
        return view => view.events.some(test)
      }
      case 'eventType': {
        const test = eventTypeTest(predicate.eventType.eventType)
        return view => view.events.some(test)
      }
      case 'packageWrite':
        return view => [...view.objectTypes.values()].includes('package')
      default:
        throw new RpcStatus('UNIMPLEMENTED', `transaction filter ${predicate.oneofKind ?? 'of no kind'}`)
    }
  })
}
