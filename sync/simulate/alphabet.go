package simulate

import "maps"

// act does one event; false when there is nothing that it could be done to.
type act func(*World, Event) bool

// kind is one letter of the alphabet.
type kind struct {
	do act
	// beside: it may happen while a run is at work.
	beside bool
	// weight is how often it is drawn; rare things that excuse a lot have 1,
	// and what only enumerated histories have has 0.
	weight int
}

// alphabet is everything that can happen but runs, which runs.go has.
func alphabet() map[string]kind {
	all := serverEvents()
	maps.Copy(all, diskEvents())
	maps.Copy(all, otherEvents())
	return all
}

// serverEvents happen to the mailboxes, or to what the server says of them.
func serverEvents() map[string]kind {
	return map[string]kind{
		"server new":       {serverNew, true, 6},
		"server labels":    {serverLabels, true, 2},
		"server flag":      {serverFlag, true, 6},
		"server unflag":    {serverUnflag, true, 4},
		"server mark":      {serverMark, true, 2},
		"server expunge":   {serverExpunge, true, 4},
		"server move":      {serverMove, true, 5},
		"server copy":      {serverCopy, true, 3},
		"server flag all":  {serverFlagAll, true, 1},
		"server move all":  {serverMoveAll, true, 1},
		"server drop all":  {serverDropAll, true, 1},
		"server many":      {serverMany, true, 1},
		"server create":    {serverCreate, true, 2},
		"server rename":    {serverRename, true, 2},
		"server delete":    {serverDelete, true, 1},
		"server anew":      {serverAnew, false, 2},
		"server renumber":  {serverRenumber, true, 2},
		"server new world": {serverNewWorld, false, 1},
		"server readonly":  {serverReadOnly, true, 1},
		"server writable":  {serverWritable, true, 1},
		"server forget":    {serverForget, true, 1},
		"server damage":    {serverDamage, true, 1},
		"server mend":      {serverMend, true, 1},
		"server alters":    {serverAlters, true, 2},

		"server spelling":   {serverSpelling, true, 2},
		"server lags":       {serverLags, true, 1},
		"server catches up": {serverCatchesUp, true, 1},
	}
}

// diskEvents happen to the Maildir.
func diskEvents() map[string]kind {
	return map[string]kind{
		"disk new":          {diskNew, true, 6},
		"disk flag":         {diskFlag, true, 6},
		"disk unflag":       {diskUnflag, true, 4},
		"disk remove":       {diskRemove, true, 4},
		"disk move":         {diskMove, true, 5},
		"disk rename":       {diskRenameFile, true, 2},
		"disk copy":         {diskCopy, true, 3},
		"disk link":         {diskLink, true, 1},
		"disk twin":         {diskTwin, true, 1},
		"disk save":         {diskSave, true, 2},
		"disk flag all":     {diskFlagAll, true, 1},
		"disk move all":     {diskMoveAll, true, 1},
		"disk drop all":     {diskDropAll, true, 1},
		"disk many":         {diskMany, true, 1},
		"disk create":       {diskCreate, true, 2},
		"disk move folder":  {diskMoveFolder, true, 2},
		"disk drop folder":  {diskDropFolder, false, 1},
		"disk half":         {diskHalf, true, 2},
		"disk complete":     {diskComplete, true, 2},
		"disk no keywords":  {diskNoKeywords, true, 1},
		"disk more letters": {diskMoreLetters, true, 1},
		"disk odd":          {diskOdd, false, 2},
		"disk equal times":  {diskEqualTimes, true, 1},
	}
}

// otherEvents happen to both sides, to what satchel is told, and to what it keeps.
func otherEvents() map[string]kind {
	return map[string]kind{
		"both new": {bothNew, true, 2},

		"config other": {configOther, false, 2},
		"caps differ":  {capsDiffer, false, 2},

		"config exclude": {configExclude, false, 2},
		"config include": {configInclude, false, 1},

		"time passes":  {timePasses, false, 4},
		"state lost":   {stateLost, false, 1},
		"state old":    {stateOld, false, 1},
		"maildir old":  {maildirOld, false, 1},
		"keep a copy":  {keepCopy, false, 1},
		"others agree": {agree, false, 3},

		"one run agrees": {oneRun, false, 0},
	}
}
