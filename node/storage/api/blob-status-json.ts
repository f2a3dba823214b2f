import type { Epoch } from '../../../codec/types.ts'
import { type BlobState, type EventId, liveRegistrations } from '../store/blob-state.ts'

/**
 * A blob's status as Walrus's clients parse it: `"nonexistent"`, or one of `invalid`, `permanent`, `deletable`, in
 * camelCase but for the two counts. Nodes that have seen the same events give the same bytes: clients compare them.
 */
export function blobStatusJson(state: BlobState | undefined, epoch: Epoch): 'nonexistent' | object {
  if (state?.invalid) return { invalid: { event: eventJson(state.invalidEvent) } }
  const live = liveRegistrations(state, epoch)
  const deletable = live.filter(registration => registration.deletable)
  const permanent = live.filter(registration => !registration.deletable)
  const certified = live.some(registration => registration.certified)
  const common = {
    deletableCounts: {
      count_deletable_total: deletable.length,
      count_deletable_certified: deletable.filter(registration => registration.certified).length,
    },
    initialCertifiedEpoch: (certified ? state?.initialCertifiedEpoch : undefined) ?? null,
  }
  // a certified registration says more than a longer one that is not
  const [best] = permanent.toSorted(
    (a, b) => Number(b.certified) - Number(a.certified) || b.endEpoch - a.endEpoch,
  )
  if (best !== undefined) {
    const { endEpoch, certified: isCertified, event } = best
    return { permanent: { ...common, endEpoch, isCertified, statusEvent: eventJson(event) } }
  }
  return deletable.length > 0 ? { deletable: common } : 'nonexistent'
}

function eventJson(event: EventId | undefined): { txDigest: string; eventSeq: string } {
  return { txDigest: event?.txDigest ?? '', eventSeq: String(event?.eventSeq ?? 0) }
}
