import { notFound } from '../status.ts'

/** The localnet has no names. */
export const nameService = () => ({
  lookupName: (): never => {
    throw notFound('name')
  },
  reverseLookupName: (): never => {
    throw notFound('name')
  },
})
