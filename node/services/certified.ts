import type { Bls, ConfirmationBody } from '../../codec/index.ts'
import { CodecError, parseConfirmationMessage, verifyCertificate } from '../../codec/index.ts'
import type { BlobId, Certificate } from '../../codec/types.ts'
import { ProtocolError } from '../../protocols/index.ts'
import type { CertificateSink, Log } from '../../protocols/ports.ts'
import { isRegistered } from '../store/blob-state.ts'
import type { BlobInfo } from './blob-info.ts'
import type { CommitteeTracker } from './committees.ts'

export interface CertifiedComponents {
  bls: Bls
  committees: CommitteeTracker
  blobs: Pick<BlobInfo, 'waitFor'>
  log: Log
}

export interface CertifiedService extends CertificateSink {
  /** Checks a certificate from gossip or a client. Throws ProtocolError. */
  check(certificate: Certificate, options: { signal?: AbortSignal }): Promise<BlobId>
  /** Called with each good certificate that a client handed over, once; e.g. to gossip it. */
  onCertificate(listener: (certificate: Certificate) => void): () => void
}

/** The registration is older than its certificate, so an own view that lags catches up within moments. */
const REGISTRATION_WAIT_MS = 3_000
/** What clients handed over lately, so that a repeat costs nothing: 100 bytes each. */
const REMEMBERED = 10_000

/** Certificates of availability: from clients over a stream, from other nodes by gossip. */
export function createCertified({ bls, committees, blobs, log }: CertifiedComponents): CertifiedService {
  const listeners = new Set<(certificate: Certificate) => void>()
  const handedOver = new Set<string>()

  /**
   * Blames whoever sent it for what anyone would refuse: a message that is none, a signature that is wrong. What another
   * node may see otherwise, because its view of the chain is ahead of ours or behind, is nobody's fault. The chain's own
   * word is not enough: we would pass on a signature that those who have not heard it yet must refuse.
   */
  async function check(
    certificate: Certificate,
    { signal, fromClient = false }: { signal?: AbortSignal; fromClient?: boolean },
  ): Promise<BlobId> {
    const body = parse(certificate)
    const { blobId, persistence } = body
    const refuse = (cause?: unknown) => new ProtocolError('CERTIFICATE_INVALID', { args: { blobId }, cause })
    if (body.epoch !== certificate.epoch) throw refuse()
    const { epoch, current, previous } = await committees.get(signal === undefined ? {} : { signal })
    // of an epoch that we do not see yet, or that its sender still sees
    const otherEpoch = (cause?: unknown) => new ProtocolError('EPOCH_CHANGED', { args: { epoch }, cause })
    const committee = [current, previous].find(one => one?.epoch === certificate.epoch)
    if (committee === undefined) throw otherEpoch()
    try {
      const members = committee.members.map(({ blsPublicKey, shards }) => ({
        publicKey: blsPublicKey,
        weight: shards.length,
      }))
      verifyCertificate({ bls, certificate, nShards: committee.nShards, members })
    } catch (cause) {
      if (!(cause instanceof CodecError)) throw cause
      // signed with keys that we cannot know any more, perhaps. A client's failed attempts are counted all the same:
      // each has cost 25 ms, and an honest one has few
      if (committee.keysUncertain && !fromClient) throw otherEpoch(cause)
      throw refuse(cause)
    }
    // a replay after deletion must not revive the blob
    const live = await blobs.waitFor(
      blobId,
      state => state?.invalid === true || isRegistered(state, persistence, epoch),
      {
        timeoutMs: REGISTRATION_WAIT_MS,
        ...(signal === undefined ? {} : { signal }),
      },
    )
    if (live?.invalid) throw new ProtocolError('BLOB_INVALID', { args: { blobId } })
    if (!isRegistered(live, persistence, epoch)) throw new ProtocolError('BLOB_GONE', { args: { blobId } })
    return blobId
  }

  return {
    check: (certificate, options) => check(certificate, options),
    async certified(certificate, { peer, signal }) {
      const key = Buffer.from(certificate.message).toString('base64')
      if (handedOver.has(key)) return
      const blobId = await check(certificate, { signal, fromClient: true })
      if (handedOver.has(key)) return
      handedOver.add(key)
      // a Set keeps the order of insertion: the first is the oldest
      if (handedOver.size > REMEMBERED) for (const oldest of handedOver) if (handedOver.delete(oldest)) break
      log.debug({ blobId, peer }, 'certificate handed over')
      for (const listener of listeners) listener(certificate)
    },
    onCertificate(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

function parse(certificate: Certificate): ConfirmationBody {
  try {
    return parseConfirmationMessage(certificate.message)
  } catch (cause) {
    throw new ProtocolError('CERTIFICATE_INVALID', { args: { blobId: '' }, cause })
  }
}
