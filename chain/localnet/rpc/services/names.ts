import type { GrpcTypes } from '@mysten/sui/grpc'
import { isValidSuiNSName } from '@mysten/sui/utils'
import { parseAddress } from '../../ledger/address.ts'
import { invalid, notFound } from '../status.ts'

/** The localnet has no names; what cannot be one is an error, as everywhere. */
export const nameService = () => ({
  lookupName({ name = '' }: GrpcTypes.LookupNameRequest): never {
    if (!isValidSuiNSName(name)) throw invalid(`invalid name: ${name.slice(0, 80)}`)
    throw notFound(`name ${name}`)
  },
  reverseLookupName({ address = '' }: GrpcTypes.ReverseLookupNameRequest): never {
    throw notFound(`a name of ${parseAddress(address)}`)
  },
})
