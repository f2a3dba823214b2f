import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { LruMap } from '../../../base/lru-map.ts'
import type { Bls, ConfirmationBody } from '../../../codec/index.ts'
import { CodecError, parseConfirmationMessage, verifyCertificate } from '../../../codec/index.ts'
import type { BlobId, Certificate, Epoch } from '../../../codec/types.ts'
import { ProtocolError } from '../../../protocols/index.ts'
import type { CertificateSink, CommitteeView } from '../../../protocols/ports.ts'
import type { CommitteeTracker } from '../../network/committees.ts'
import type { Refusals } from '../../refusals.ts'
import type { BlobInfo } from '../events/blob-info.ts'
import { type BlobState, isCertified, isRegistered } from '../store/blob-state.ts'
import { createCertificateQuota } from './certificate-quota.ts'
import { expectRegistered, REGISTRATION_WAITS_MS, waitForRegistration } from './registration.ts'

export interface CertificateComponents {
  bls: Bls
  committees: Pick<CommitteeTracker, 'get' | 'latest'>
  blobs: Pick<BlobInfo, 'get' | 'waitFor'>
  log: Log
  clock: Clock
  refusals?: Pick<Refusals, 'refused'>
}

export interface CertificateService extends CertificateSink {
  /** Checks a certificate from gossip. Throws ProtocolError. */
  check(certificate: Certificate, options: { signal?: AbortSignal }): Promise<BlobId>
  /** Called with each good certificate that a client handed over, once; e.g. to gossip it. */
  onCertificate(listener: (certificate: Certificate) => void): () => void
}

/** What clients handed over lately, so that a repeat costs nothing: 100 bytes each. */
const REMEMBERED = 10_000

/** A certificate of which everything is known that costs nothing. */
interface Claim extends ConfirmationBody {
  /** of the node's own view */
  now: Epoch
  committee: CommitteeView & { keysUncertain?: boolean }
}

/** Certificates of availability: from clients over a stream, from other nodes by gossip. */
export function createCertificateService(components: CertificateComponents): CertificateService {
  const { bls, committees, blobs, log, refusals } = components
  const listeners = new Set<(certificate: Certificate) => void>()
  const handedOver = new LruMap<string, true>(REMEMBERED)
  const quota = createCertificateQuota(components.clock)

  /**
   * Blames its sender for what anyone would refuse: a message that is none. What another node may see otherwise,
   * because its view of the chain is ahead of ours or behind, is nobody's fault.
   */
  async function claimOf(certificate: Certificate, signal: AbortSignal | undefined): Promise<Claim> {
    const body = parse(certificate)
    if (body.epoch !== certificate.epoch) throw invalid(body)
    const { epoch, current, previous } = await committees.get({ signal })
    const committee = [current, previous].find(one => one?.epoch === certificate.epoch)
    // of an epoch that we do not see yet, or that its sender still sees
    if (committee === undefined) throw new ProtocolError('EPOCH_CHANGED', { details: { epoch } })
    return { ...body, now: epoch, committee }
  }

  /** 25 ms. Throws CERTIFICATE_INVALID with the reason. */
  function verify(certificate: Certificate, claim: Claim): void {
    const { committee } = claim
    const members = committee.members.map(({ blsPublicKey, shards }) => ({
      publicKey: blsPublicKey,
      weight: shards.length,
    }))
    try {
      verifyCertificate({ bls, certificate, nShards: committee.nShards, members })
    } catch (cause) {
      if (!(cause instanceof CodecError)) throw cause
      throw invalid(claim, cause)
    }
  }

  /** The blob as the chain shows it, once it shows the registration; a replay after deletion must not revive the blob. */
  function registered(claim: Claim, signal: AbortSignal | undefined): Promise<BlobState | undefined> {
    return waitForRegistration(blobs, claim, {
      epoch: claim.now,
      timeoutMs: REGISTRATION_WAITS_MS.certificate,
      signal,
    })
  }

  /** The state of a blob that is registered. Few may wait for one that is not yet: it may never be. */
  async function stateFor(
    claim: Claim,
    account: string,
    signal: AbortSignal,
  ): Promise<BlobState | undefined> {
    const state = await blobs.get(claim.blobId)
    if (state?.invalid === true || isRegistered(state, claim.persistence, claim.now)) return state
    const leave = quota.wait(account)
    if (leave === undefined) throw busy()
    try {
      return await registered(claim, signal)
    } finally {
      leave()
    }
  }

  function busy(): ProtocolError {
    refusals?.refused('certificates', 'busy')
    return new ProtocolError('BUSY', { retryAfterMs: 1_000 })
  }

  async function checkForClient(
    certificate: Certificate,
    key: string,
    account: string,
    signal: AbortSignal,
  ): Promise<Claim | undefined> {
    const claim = await claimOf(certificate, signal)
    const state = await stateFor(claim, account, signal)
    expectRegistered(state, claim, claim.now, 'BLOB_GONE')
    // it would tell us nothing, and others hear it from the chain as we did
    if (isCertified(state, claim.persistence, claim.now)) return undefined
    // while this one waited, another one for the same was found good
    if (handedOver.has(key)) return undefined
    if (!quota.mayCheck(account)) throw busy()
    try {
      verify(certificate, claim)
    } catch (error) {
      // counts whatever keys we may not know: each has cost as much, and an honest client has few
      if (error instanceof ProtocolError) {
        quota.fault(account)
        refusals?.refused('certificates', 'invalid')
      }
      throw error
    }
    handedOver.set(key, true)
    return claim
  }

  return {
    /** The chain's own word is not enough: we would pass on a signature that those who have not heard it must refuse. */
    async check(certificate, { signal }) {
      const claim = await claimOf(certificate, signal)
      try {
        verify(certificate, claim)
      } catch (cause) {
        if (!(cause instanceof ProtocolError) || !claim.committee.keysUncertain) throw cause
        // signed with keys that we cannot know any more, perhaps
        throw new ProtocolError('EPOCH_CHANGED', { details: { epoch: claim.now }, cause })
      }
      expectRegistered(await registered(claim, signal), claim, claim.now, 'BLOB_GONE')
      return claim.blobId
    },
    async certified(certificate, { peer, account, signal }) {
      const key = Buffer.from(certificate.message).toString('base64')
      if (handedOver.has(key)) return
      const claim = await checkForClient(certificate, key, account, signal)
      if (claim === undefined) return
      log.debug({ blobId: claim.blobId, peer }, 'certificate handed over')
      for (const listener of listeners) listener(certificate)
    },
    onCertificate(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

function invalid({ blobId }: Pick<ConfirmationBody, 'blobId'>, cause?: unknown): ProtocolError {
  return new ProtocolError('CERTIFICATE_INVALID', { details: { blobId }, cause })
}

function parse(certificate: Certificate): ConfirmationBody {
  try {
    return parseConfirmationMessage(certificate.message)
  } catch (cause) {
    throw new ProtocolError('CERTIFICATE_INVALID', { details: { blobId: '' }, cause })
  }
}
