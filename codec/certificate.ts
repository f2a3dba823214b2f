import type { Bls, BlsSum } from './bls.ts'
import { expectInteger } from './bytes.ts'
import { CodecError, invalidArgument, isCodecError } from './errors.ts'
import { parseConfirmationMessage } from './messages.ts'
import { isQuorum } from './thresholds.ts'
import type { Certificate, Epoch } from './types.ts'

/** A committee member, by its position in order of node ID. */
export interface WeightedMember {
  /** BLS12-381 min-pk, 48 bytes, possession proven on chain */
  publicKey: Uint8Array
  /** shards that it keeps */
  weight: number
}

/** Confirmations of one blob in one epoch, and the committee that they are of. */
export interface Confirmations {
  bls: Bls
  /** the message that we built ourselves; only confirmations of exactly these bytes belong here */
  message: Uint8Array
  epoch: Epoch
  nShards: number
  members: readonly WeightedMember[]
  /** signatures over `message` by member index */
  signatures: ReadonlyMap<number, Uint8Array>
  /** exactly these signatures with the members' keys, when they were added up as they came */
  sum?: BlsSum
  /** the weight that a certificate takes; a quorum when absent */
  isEnough?: (weight: number, nShards: number) => boolean
}

/** What confirmations amount to. */
export interface Aggregation {
  /** absent while the good signatures are no quorum */
  certificate?: Certificate
  /** shards behind the good signatures */
  weight: number
  /** members whose signatures do not verify */
  bad: number[]
}

/**
 * Makes a certificate of confirmations. Aggregates first and verifies once; only when that fails verifies one by one
 * (7 ms each) to find who lied. Throws INVALID_ARGUMENT for a sum of more or fewer signatures than are given.
 */
export function aggregateConfirmations(input: Confirmations): Aggregation {
  const { bls, message, epoch, nShards, members, signatures, isEnough = isQuorum } = input
  const signers = [...signatures.keys()].sort((a, b) => a - b)
  for (const index of signers) expectInteger(index, 0, members.length - 1, 'committee member')
  // what was added up must be what the certificate names
  if (input.sum !== undefined)
    expectInteger(input.sum.count, signers.length, signers.length, 'signatures added up')

  let good = signers
  let signature = input.sum === undefined ? aggregate(input, good) : input.sum.verified(message)
  if (signature === undefined) {
    good = signers.filter(index => bls.verify(members[index]!.publicKey, message, signatures.get(index)!))
    signature = aggregate(input, good)
  }
  const bad = signers.filter(index => !good.includes(index))
  const weight = weightOf(members, good)
  if (signature === undefined || !isEnough(weight, nShards)) return { weight, bad }
  return { certificate: { epoch, signers: good, message, signature }, weight, bad }
}

/** The aggregate of these members' signatures, or undefined when it does not verify. */
function aggregate(input: Confirmations, signers: readonly number[]): Uint8Array | undefined {
  if (signers.length === 0) return undefined
  try {
    const signature = input.bls.aggregateSignatures(signers.map(index => input.signatures.get(index)!))
    const keys = signers.map(index => input.members[index]!.publicKey)
    return input.bls.verifyAggregate(keys, input.message, signature) ? signature : undefined
  } catch (error) {
    if (isCodecError(error, 'INVALID_KEY')) return undefined
    throw error
  }
}

/**
 * Checks a certificate of availability that someone else made: signers, weight, message and epoch, then the signature.
 * Returns the weight behind it; throws CERTIFICATE_INVALID with the reason.
 */
export function verifyCertificate(input: {
  bls: Bls
  certificate: Certificate
  nShards: number
  members: readonly WeightedMember[]
}): number {
  const { bls, certificate, nShards, members } = input
  const { signers } = certificate
  const ascending = signers.every((index, i) => Number.isInteger(index) && index > (signers[i - 1] ?? -1))
  if (!ascending || (signers.at(-1) ?? -1) >= members.length)
    throw invalid('signers are not members, ascending')
  const weight = weightOf(members, signers)
  if (!isQuorum(weight, nShards)) throw invalid(`weight ${weight} of ${nShards} is no quorum`)
  if (messageEpoch(certificate.message) !== certificate.epoch)
    throw invalid('the message is of another epoch')
  const keys = signers.map(index => members[index]!.publicKey)
  if (!bls.verifyAggregate(keys, certificate.message, certificate.signature)) throw invalid('wrong signature')
  return weight
}

/** Bit i = committee member i, least significant bit first in each byte; spare bits are zero. */
export function signersBitmap(signers: readonly number[], nMembers: number): Uint8Array {
  const bitmap = new Uint8Array(Math.ceil(nMembers / 8))
  for (const index of signers) {
    expectInteger(index, 0, nMembers - 1, 'committee member')
    bitmap[index >> 3]! |= 1 << (index & 7)
  }
  return bitmap
}

/** The members whose bits are set, ascending. The bitmap may be short, never long, and spare bits must be zero. */
export function bitmapSigners(bitmap: Uint8Array, nMembers: number): number[] {
  if (bitmap.length > Math.ceil(nMembers / 8))
    throw invalidArgument('length of the signer bitmap', bitmap.length)
  const signers: number[] = []
  for (let i = 0; i < bitmap.length * 8; i++) if ((bitmap[i >> 3]! >> (i & 7)) & 1) signers.push(i)
  if ((signers.at(-1) ?? -1) >= nMembers) throw invalidArgument('signer', signers.at(-1))
  return signers
}

function weightOf(members: readonly WeightedMember[], signers: readonly number[]): number {
  return signers.reduce((sum, index) => sum + members[index]!.weight, 0)
}

function messageEpoch(message: Uint8Array): Epoch {
  try {
    return parseConfirmationMessage(message).epoch
  } catch (cause) {
    throw new CodecError(
      'CERTIFICATE_INVALID',
      'the message is no confirmation',
      { reason: 'message' },
      { cause },
    )
  }
}

function invalid(reason: string): CodecError {
  return new CodecError('CERTIFICATE_INVALID', `invalid certificate: ${reason}`, { reason })
}
