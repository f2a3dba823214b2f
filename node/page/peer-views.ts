import type { PeerEvent } from '../client/watch-peers.ts'
import type { PeerView } from './messages.ts'

/** Who has which part in one read. */
export interface PeerViews {
  /** The peer's view after the event. */
  heard(event: PeerEvent, of: { name: string; path: string }): PeerView
  /** Marks who lied; gives those who were not marked before. */
  lied(peerIds: readonly string[]): PeerView[]
}

/** Who is asked later than that after the first was, is asked because others did not suffice. */
const FIRST_WAVE_MS = 50

export function createPeerViews(now: () => number): PeerViews {
  const views = new Map<string, PeerView>()
  let begunAt: number | undefined
  return {
    heard(event, { name, path }) {
      begunAt ??= now()
      const view = views.get(event.peerId) ?? newView(event.peerId, now() - begunAt > FIRST_WAVE_MS)
      views.set(event.peerId, view)
      view.name = name
      view.path = path
      if (event.kind === 'asked') {
        view.askedSlivers += event.slivers
        view.state = 'asked'
      } else if (event.kind === 'answered') {
        if (event.bytes > 0) view.answeredSlivers++
        view.bytes += event.bytes
      } else {
        view.state = stateAfter(view, event.problem)
        if (view.state === 'failed' && event.problem !== undefined) view.problem = event.problem
      }
      return { ...view }
    },
    lied(peerIds) {
      return peerIds.flatMap(peerId => {
        const view = views.get(peerId)
        if (view === undefined || view.isLiar) return []
        view.isLiar = true
        return { ...view }
      })
    },
  }
}

/** A peer that is left with nothing to give has given all. */
function stateAfter(view: PeerView, problem: string | undefined): PeerView['state'] {
  if (problem === undefined || view.answeredSlivers === view.askedSlivers) return 'answered'
  return problem === 'left' ? 'left' : 'failed'
}

const newView = (peerId: string, isHedge: boolean): PeerView => ({
  peerId,
  name: '',
  path: '-',
  askedSlivers: 0,
  answeredSlivers: 0,
  bytes: 0,
  isHedge,
  isLiar: false,
  state: 'asked',
})
