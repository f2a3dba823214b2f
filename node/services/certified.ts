import type { Bls } from '../../codec/index.ts'
import { CodecError, parseConfirmationMessage, verifyCertificate } from '../../codec/index.ts'
import type { BlobId, Certificate, Persistence } from '../../codec/types.ts'
import { ProtocolError } from '../../protocols/index.ts'
import type { CertificateSink, Log } from '../../protocols/ports.ts'
import { isCertified, liveRegistrations } from '../store/blob-state.ts'
import type { BlobInfo } from './blob-info.ts'
import type { CommitteeTracker } from './committees.ts'

export interface CertifiedComponents {
  bls: Bls
  committees: CommitteeTracker
  blobs: Pick<BlobInfo, 'get' | 'waitFor'>
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

/** Certificates of availability: from clients over a stream, from other nodes by gossip. */
export function createCertified({ bls, committees, blobs, log }: CertifiedComponents): CertifiedService {
  const listeners = new Set<(certificate: Certificate) => void>()

  async function check(certificate: Certificate, { signal }: { signal?: AbortSignal }): Promise<BlobId> {
    const { blobId, persistence } = parse(certificate)
    const refuse = (cause?: unknown) => new ProtocolError('CERTIFICATE_INVALID', { args: { blobId }, cause })
    const committee = await committees.of(certificate.epoch, signal === undefined ? {} : { signal })
    if (committee === undefined) throw refuse()
    // what the chain has accepted needs no second look at its signature, which would cost 25 ms
    if (isCertified(await blobs.get(blobId), persistence, certificate.epoch)) return blobId
    try {
      const members = committee.members.map(({ blsPublicKey, shards }) => ({
        publicKey: blsPublicKey,
        weight: shards.length,
      }))
      verifyCertificate({ bls, certificate, nShards: committee.nShards, members })
    } catch (cause) {
      throw cause instanceof CodecError ? refuse(cause) : cause
    }
    // a replay after deletion must not revive the blob
    const { epoch } = await committees.get(signal === undefined ? {} : { signal })
    const live = await blobs.waitFor(blobId, state => liveRegistrations(state, epoch).length > 0, {
      timeoutMs: REGISTRATION_WAIT_MS,
      ...(signal === undefined ? {} : { signal }),
    })
    if (liveRegistrations(live, epoch).length === 0)
      throw new ProtocolError('BLOB_GONE', { args: { blobId } })
    return blobId
  }

  return {
    check,
    async certified(certificate, { peer, signal }) {
      const blobId = await check(certificate, { signal })
      log.debug({ blobId, peer }, 'certificate handed over')
      for (const listener of listeners) listener(certificate)
    },
    onCertificate(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

function parse(certificate: Certificate): { blobId: BlobId; persistence: Persistence } {
  try {
    return parseConfirmationMessage(certificate.message)
  } catch (cause) {
    throw new ProtocolError('CERTIFICATE_INVALID', { args: { blobId: '' }, cause })
  }
}
