import type { CommitteeSource } from '../../chain/types/index.ts'

/** In place of all that the chain offers, a tenth of the bundle: a page's reader brings what asks for the committee. */
export function createUserCoordinator(): CommitteeSource {
  throw new Error('this page only reads')
}
export { createUserCoordinator as createCoordinator }
