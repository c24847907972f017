/**
 * The messages of Archethic as one catalog (`archethic-node p2p/message/message_id.ex` at 1.6.27): every id from 0 to 42
 * but 16, which is free, and from 225 to 254 but 248, which is free. Removed ones: `archethic-legacy-messages.ts`.
 */
import {
  BeaconSummaryList,
  BeaconUpdate,
  CurrentReplicationAttestations,
  GetBeaconSummaries,
  GetBeaconSummariesAggregate,
  GetBeaconSummary,
  GetCurrentReplicationAttestations,
  GetCurrentSummaries,
  NewBeaconSlot,
  RegisterBeaconUpdates,
  ReplicationAttestationMessage,
  Summary,
  SummaryAggregate,
} from './archethic-beacon-messages.ts';
import {
  AddressList,
  FirstTransactionAddress,
  GenesisAddress,
  GetFirstTransactionAddress,
  GetGenesisAddress,
  GetLastTransaction,
  GetLastTransactionAddress,
  GetNextAddresses,
  GetTransaction,
  GetTransactionChainLength,
  GetTransactionInputs,
  GetTransactionSummary,
  GetUnspentOutputs,
  LastTransactionAddress,
  NotifyLastTransactionAddress,
  NotifyPreviousChain,
  ShardRepair,
  Transaction,
  TransactionChainLength,
  TransactionInputList,
  TransactionSummaryList,
  TransactionSummaryMessage,
  UnspentOutputList,
} from './archethic-chain-messages.ts';
import {
  AcknowledgeStorage,
  AddMiningContext,
  CrossValidate,
  CrossValidationDone,
  NewTransaction,
  NotifyReplicationValidation,
  ReplicatePendingTransactionChain,
  ReplicateTransaction,
  ReplicationError,
  RequestChainLock,
  SmartContractCallValidation,
  StartMining,
  UnlockChain,
  ValidateSmartContractCall,
  ValidateTransaction,
  ValidationError,
} from './archethic-mining-messages.ts';
import {
  BootstrappingNodes,
  DashboardData,
  EncryptedStorageNonce,
  ErrorMessage,
  FirstPublicKey,
  GetBootstrappingNodes,
  GetDashboardData,
  GetFirstPublicKey,
  GetNetworkStats,
  GetStorageNonce,
  ListNodes,
  NetworkStats,
  NodeList,
  NotFound,
  NotifyEndOfNodeSync,
  Ok,
  Ping,
} from './archethic-node-messages.ts';
import { GetTransactionChain, TransactionList } from './archethic-transaction-pages.ts';
import { MessageCatalog } from './message-catalog.ts';

/** Any message type of Archethic. */
export type ArchethicMessageType =
  | typeof GetBootstrappingNodes
  | typeof GetStorageNonce
  | typeof ListNodes
  | typeof GetTransaction
  | typeof GetTransactionChain
  | typeof GetUnspentOutputs
  | typeof NewTransaction
  | typeof StartMining
  | typeof AddMiningContext
  | typeof CrossValidate
  | typeof CrossValidationDone
  | typeof ValidateSmartContractCall
  | typeof ReplicateTransaction
  | typeof AcknowledgeStorage
  | typeof NotifyEndOfNodeSync
  | typeof GetLastTransaction
  | typeof GetTransactionInputs
  | typeof GetTransactionChainLength
  | typeof RequestChainLock
  | typeof GetFirstPublicKey
  | typeof GetLastTransactionAddress
  | typeof NotifyLastTransactionAddress
  | typeof GetTransactionSummary
  | typeof GetFirstTransactionAddress
  | typeof Ping
  | typeof GetBeaconSummary
  | typeof NewBeaconSlot
  | typeof GetBeaconSummaries
  | typeof RegisterBeaconUpdates
  | typeof ReplicationAttestationMessage
  | typeof GetGenesisAddress
  | typeof GetCurrentSummaries
  | typeof GetBeaconSummariesAggregate
  | typeof NotifyPreviousChain
  | typeof GetNextAddresses
  | typeof ValidateTransaction
  | typeof ReplicatePendingTransactionChain
  | typeof NotifyReplicationValidation
  | typeof GetNetworkStats
  | typeof GetDashboardData
  | typeof UnlockChain
  | typeof GetCurrentReplicationAttestations
  | typeof DashboardData
  | typeof SmartContractCallValidation
  | typeof NetworkStats
  | typeof FirstTransactionAddress
  | typeof AddressList
  | typeof ShardRepair
  | typeof SummaryAggregate
  | typeof TransactionSummaryList
  | typeof ReplicationError
  | typeof ValidationError
  | typeof GenesisAddress
  | typeof BeaconUpdate
  | typeof BeaconSummaryList
  | typeof ErrorMessage
  | typeof TransactionSummaryMessage
  | typeof Summary
  | typeof LastTransactionAddress
  | typeof FirstPublicKey
  | typeof CurrentReplicationAttestations
  | typeof TransactionInputList
  | typeof TransactionChainLength
  | typeof BootstrappingNodes
  | typeof EncryptedStorageNonce
  | typeof NodeList
  | typeof UnspentOutputList
  | typeof TransactionList
  | typeof Transaction
  | typeof NotFound
  | typeof Ok;

/** Every message of Archethic, by id. Add your own with `extend`; the ids 43 to 224 are free. */
export const archethicMessages: MessageCatalog<ArchethicMessageType> = new MessageCatalog<ArchethicMessageType>([
  GetBootstrappingNodes,
  GetStorageNonce,
  ListNodes,
  GetTransaction,
  GetTransactionChain,
  GetUnspentOutputs,
  NewTransaction,
  StartMining,
  AddMiningContext,
  CrossValidate,
  CrossValidationDone,
  ValidateSmartContractCall,
  ReplicateTransaction,
  AcknowledgeStorage,
  NotifyEndOfNodeSync,
  GetLastTransaction,
  GetTransactionInputs,
  GetTransactionChainLength,
  RequestChainLock,
  GetFirstPublicKey,
  GetLastTransactionAddress,
  NotifyLastTransactionAddress,
  GetTransactionSummary,
  GetFirstTransactionAddress,
  Ping,
  GetBeaconSummary,
  NewBeaconSlot,
  GetBeaconSummaries,
  RegisterBeaconUpdates,
  ReplicationAttestationMessage,
  GetGenesisAddress,
  GetCurrentSummaries,
  GetBeaconSummariesAggregate,
  NotifyPreviousChain,
  GetNextAddresses,
  ValidateTransaction,
  ReplicatePendingTransactionChain,
  NotifyReplicationValidation,
  GetNetworkStats,
  GetDashboardData,
  UnlockChain,
  GetCurrentReplicationAttestations,
  DashboardData,
  SmartContractCallValidation,
  NetworkStats,
  FirstTransactionAddress,
  AddressList,
  ShardRepair,
  SummaryAggregate,
  TransactionSummaryList,
  ReplicationError,
  ValidationError,
  GenesisAddress,
  BeaconUpdate,
  BeaconSummaryList,
  ErrorMessage,
  TransactionSummaryMessage,
  Summary,
  LastTransactionAddress,
  FirstPublicKey,
  CurrentReplicationAttestations,
  TransactionInputList,
  TransactionChainLength,
  BootstrappingNodes,
  EncryptedStorageNonce,
  NodeList,
  UnspentOutputList,
  TransactionList,
  Transaction,
  NotFound,
  Ok,
]);
