"""The words of each field of knowledge, with their points; `domain.py` adds them up.

Words were chosen on the tuning half of public questions (docs/signals.md) by how much more often a
field uses them than all others do, then read, cut and completed by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FIELDS: Final[Mapping[str, Mapping[int, str]]] = {
    "software": {
        3: "algorithm assert assertion calls code def function insert join len literal lst "
        "num nums python tuple",
        2: "algorithms api arr array arrays ascii attacker authentication backend bash batch "
        "bayes binary bit bits boolean buffer bug bytes classifier cli coding compile "
        "compiler complement convolutional css database debug deploy divisors docker elif "
        "else encode encryption endpoint exception executable execution float framework "
        "fromkeys frontend gaussian git golang gradient html http https integer integers "
        "isalpha isdigit java javascript json kotlin kubernetes lambda library linux "
        "lists logistic loop method multiplication network node normalization oauth "
        "overfitting php pop popitem processor programmer programming query queue "
        "recursion regex reverse rindex rpartition rsplit rust script sep server sort "
        "split splitlines sql stack stacktrace startswith strings terminal token tuples "
        "typescript typing underfitting undirected url user val variable vertex webhook "
        "xml yaml",
        1: "add addresses attacks cache channel char characters class classification "
        "computer connection convert copy corresponding data del dict digit digits "
        "dimension dimensional disk edges elements file format graph hardware implement "
        "import index input instruction integrity keys layer letters list longest map "
        "matrix max memory message names neural numbers occurrence output parameter "
        "parameters partially polynomial program range remote repeated representing "
        "return software sorted squares stored str string strip task text training "
        "translate tree update vertices web",
    },
    "math": {
        3: "boxed frac sqrt",
        2: "algebra calculus cdots cos decimal derivative digit divisible divisor equations "
        "equiv geometry infty integer integers integral ldots logarithm matrix nonzero "
        "overline percent percentage polynomial prime probability subgroup theorem "
        "triangle vertices",
        1: "abelian angle arithmetic bounded cdot circ circle compute congruent consecutive "
        "coordinates deviation dfrac diagonals dice divides dots equation equilateral "
        "euler finite fraction geq graph homomorphism hypotenuse inclusive infinity "
        "interval invertible isosceles lim math mathbf modulo mph numbers parabola "
        "perimeter pmatrix polygon polynomials quotient randomly rectangle rectangular "
        "ring roots sampling simplify sin solve square tan tangent triangles vector zeros",
    },
    "science": {
        3: "angular atm atmosphere btu cal calculate circuit diameter electron electrons "
        "flux gases gravitational heat hydrogen kinetic magnetic mathrm mol mole "
        "molecular molecules moles particle psi radiation radius rightarrow rpm sec vapor "
        "velocity voltage volts wavelength",
        2: "acceleration acid alleles amp amperes amplitude angle armature astronomy "
        "atmospheric atom atomic atoms axis beam biology boiling capacitance capacitor "
        "carbon chemist chemistry chloroplasts circ climate coil combustion conductivity "
        "darwin delta density dioxide dipole dissociation ecosystem electric emitted "
        "engineering enthalpy entropy epsilon evolution experiment flask focal "
        "frequencies frequency friction gas gene genes gravity hcl helium ion ionization "
        "ions kcal khz laboratory lbs liquid liter magnitude mars mass meiosis metallic "
        "methane mhz mixture molar molecule momentum moon neutrons nitrogen nuclei "
        "offspring ohm ohms omega orbit organisms oxygen particles photon physics proton "
        "protons quantum reaction refraction resistance rho rightleftarrows rotation "
        "rotational shaft solar solution spectrum spherical steam temperatures thermal "
        "thermodynamic thickness torr viscosity volt volume watts wave winding wire",
        1: "air alpha bacteria beta cell cells chemical circular coefficient concentration "
        "container cylinder dna earth energy equation equilibrium flows gamma genetic "
        "grams horizontal iron isolated layer lines metal meter moves moving mutation "
        "mutations nucleus orbital organism perpendicular phase photosynthesis plane "
        "plant plants plasma pressure proteins pull radioactive reactions recessive seeds "
        "sodium species speed steel sun temperature thin undergoes uniform vertical water",
    },
    "health": {
        3: "abdomen abdominal abnormalities acids amino anterior bladder bmi bowel cardiac "
        "cervical deficiency diabetes diagnosis dietary examination fatty fever "
        "hypertension infection insulin intake intravenous liver medial medications "
        "membranes min muscle nerves palpation patient pelvic physician protein pulmonary "
        "pulse respirations respiratory scan serum sinus swelling syndrome tenderness "
        "thyroid ultrasonography urinary urine vaccine virus vital vitamin vomiting "
        "weighs",
        2: "absorption acid acute adults alcohol allergy alzheimer amylase antibiotic arzt "
        "aspiration atp auscultation biopsy blood bone breast breath cancer carcinoma "
        "cartilage cell cells chemotherapy chest chromosome chronic cigarettes clinic "
        "clinical cohort concentration concentrations corticosteroid dementia dental "
        "diarrhoea diet discharge disease diuretic dna doctor dose drainage ecg edema "
        "emergency enfermedad enzyme erythema facial fat fetal fibre fluid gastric gland "
        "glucose gravida headache hiv hormone infections influenza kidney krankheit "
        "lateral lesion leukocyte lipid lung lymph maladie malignant maternal maxillary "
        "medical medication medicine mellitus membrane menstrual metabolism methionine "
        "muscles mutation médecin médico nausea neck needle nerve neurologic niacin nodes "
        "nurse nutritional obesity oral oximetry palate para patients pharmacotherapy "
        "plasma pneumonia polymerase posterior pregnancy prescription proteins recurrent "
        "renal reveals riboflavin rna saturated saturation scattered sexually skin "
        "stomach stroke surgery surgical symptom symptoms synthesis systolic tissue "
        "trauma treatment ventricle via viruses vitamins wound",
        1: "activity appears body exercise foods frequent hair health healthy heart history "
        "hospital illness management oxygen pain pressure risk stress temperature therapy "
        "treated",
    },
    "law": {
        3: "acre admissible admission agreement alleging amendment apartment appellate "
        "approached arrest arrested assault attempted attorney aware battery breach "
        "charged claiming clause commit completed constitutional constitutionality "
        "contacted contained contract contractual conveyance conveyed convicted "
        "conviction counsel court crime criminal damages deed defendant defense deliver "
        "dismiss dismissed driving drove enacted enforceable evening excused executed "
        "felony fourteenth grounds guilty gun hearsay heirs hit homeowner implied "
        "inadmissible injured injuries injury involuntary judge judgment jurisdiction "
        "jury larceny lease leased leaving liability liable license manslaughter murder "
        "negligence negligent noticed notified objected objection officer opened "
        "ordinance pedestrian permitted plaintiff possession prevail probable prohibiting "
        "promise promised promptly properly prosecuted prosecution prove robbery seeks "
        "shortly shot statute sue sued sues suit tenant testified testify testimony "
        "thereafter tract unconstitutional unenforceable victim violate violates "
        "violation witness",
        2: "abogado accept admitted against although anwalt appeal avocat became began "
        "building burglary buyer caused circumstances city claimed company conduct "
        "consideration contrat contrato copyright covenant death duty easement entitled "
        "facts federal fee fell front further gdpr gericht gesetz grant granted heir "
        "hired homicide however husband informed intended intent land landlord lawsuit "
        "lawyer legal ley local located loi misdemeanor moved offer offered patent "
        "payment placed prosecutor protection purchase ran returned saw sell sent several "
        "stated store subsequent testator title tort trademark treaty unless valid "
        "verdict vertrag walking warrant wife",
        1: "back cannot case claim could day due during estate house law motion out parties "
        "party property public rights trial while within",
    },
    "finance": {
        3: "accounting aggregate audit auditor curve diminishing economists elastic "
        "elasticity expansionary exports externality firms fiscal garch gdp inelastic "
        "inflation keynesian loans marginal monetary monopolistic prices recession "
        "reserve securities sloping subsidies surplus unemployment wage",
        2: "allocated allocative appreciate asset atc autocorrelation balance bank banks "
        "bigger bonds capita capital competition competitive consume consumer consumers "
        "contractionary cpa crowding currencies currency curves cyclical deficit deposits "
        "depreciate depreciated dickey disadvantage discourages dividend dollar economies "
        "economy equals equilibrium exit explanatory export fed financial firm fluctuate "
        "fluctuations forecast forecasts fuller fund gap hat heteroscedasticity imports "
        "improves impuesto impôt income indeterminate industries inflationary interest "
        "intersects inversely invest investment investments investor lag ledger "
        "liabilities loan loanable maximized maximizing minus monetarist monopoly "
        "mortgage nominal oligopoly phillips portfolio producer producers productivity "
        "propensity rates ratio regression regressive residuals revenue savings sellers "
        "sheet shortage slopes spending squared stagflation stationary statistic steuer "
        "substitute substitutes tariffs technological transactions treasury unemployed "
        "unrestricted vat volatility wages",
        1: "accounts adam affecting assets barriers benefit bond budget businesses classical "
        "consumption corporate corporation costs demand demanded depreciation domestic "
        "efficiency efficient employment entity equity excess exchange goods households "
        "industry innovation inputs labor market markets meant money policies policy "
        "price procedures production profit profits proportional quality remains reserves "
        "resources sells services shares stable stock supplied supply tax taxes "
        "technology trading transaction trend unchanged utility workers",
    },
    "business": {
        3: "discounted installment marketing markup priced pricing stakeholder",
        2: "advertising annual bestellung billing brand cliente commande communications "
        "compounded corporate customer customers delivery depreciation discount earnings "
        "earns employee factura facture inventory invoice invoices kunde management "
        "manager managers maturity maximize media orders organisation payments pays "
        "pedido premium profitability promotional purchased receipt rechnung refund "
        "retailers sales segmentation sells shipping startup strategy subscription "
        "supplier sustainability valuation",
        1: "account assets audience bond business buying campaign client commission "
        "communication company consumer consumers corporation costs credit digital "
        "employees evaluation expenses factory firm gross implementation insurance "
        "internet investment loan manufacturing market order organizations paying payment "
        "planning price proceeds product products profit promotion purchase purchases "
        "purchasing salary savings services shares stock tax yield",
    },
    "history": {
        3: "abolition affairs africa africans america americas ancient arctic army britain "
        "british catholic chinese christian christians civilization civilizations "
        "colonial colonies conquest conscience courage crown dedicated divine dynasty "
        "elites emperor empire enemies enlightenment era establishment europe european "
        "europeans fifteen french glorious granada grave greatness hatred hereafter "
        "historian holy homo imperial independence indian indians indigenous inhabitants "
        "injustice king kingdom liberation liberties liberty majesty manifest mankind "
        "merchants millions mine ministry monarchy native natives nobility obliged "
        "ourselves peace penetrated peoples perpetual philosopher preservation privileges "
        "prosperity protestant provinces queen reformation religions religious republic "
        "republics revolution revolutions roman rome roosevelt royal rulers russia sacred "
        "sacrifice sake sentiments settlements seventy simon slave slavery slaves sons "
        "sovereign spanish stood struggle temple territories territory tribes tribute "
        "tyranny unity universe unjust villages wars whatever worship worthy",
        2: "african agricultural americans australia bring century chief china church cities "
        "citizens civil constitution country culture desire destroyed developments "
        "discovery drawn establish expressed fear fight forth france freedom germany god "
        "governments humans justice laid laws live medieval middle military movement "
        "nation nations nature ocean parts political practiced racial remained rich river "
        "routes strength thomas together tools trade treaty understand united war",
        1: "called common could days directly free influence order rights society states "
        "taken union way written",
    },
    "philosophy": {
        3: "argues counterexample counterexamples equivocation fallacies fallacy hominem "
        "ignorance kant mill moral morally predicate propositions symbolization",
        2: "analogy antecedent aquinas arguing argument arguments buddhist candy categorical "
        "christian conclusion consequent consequentialism consequentialist contradictory "
        "defends dilemma disjunctive euthanasia evident facie flawed generalization hasty "
        "hindu huemer inconsistency indirect islam justify kantian logic logically loves "
        "meaningless morality necessarily nonhuman nussbaum permissible philosopher "
        "philosophical philosophy plato premise prima proposition rawls reasoning "
        "rightness ross scnt sikhism slippery socrates syllogism truth utilitarian "
        "utilitarianism valuations virtues voted",
        1: "abortion animals answers appeal argue aristotle arthur believes butler cat "
        "circular conditional consequences construct creatures denying desires dignity "
        "dinner divine ethics feel flower girlfriend happiness harm harms hobbes humanity "
        "hume hypothetical inconsistent invalid joke justified logical mom myself "
        "neighbor phrase pleasure prescription promotes pushed really sentence shower "
        "sick sleeping slope stranger stuck sympathy taught thinks torture universally "
        "users van virtue worse",
    },
    "psychology": {
        3: "anxiety behavior behavioral behaviors cerebellum cerebral cognitive conditioning "
        "disorder disorders dissociative dissonance ethically gestalt motivation piaget "
        "psychological psychologist psychologists psychology psychotherapy reinforcement "
        "schizophrenia sensorimotor stimuli stimulus thalamus therapist unconditioned",
        2: "abilities acetylcholine achievement adaptation administered amygdala antisocial "
        "appraisal assess associations attachment attribution aversive beck behaviorist "
        "bias bipolar brain brains canadian childhood cognition colleagues comparing "
        "compulsive concurrent conditioned confidentiality conscious constancy consultant "
        "cope coping correlation cortex counseling cues depressed depression depressive "
        "developmental disorganized eeg emotion emotional emphasizes enhances ethical "
        "experiment experiments extinction feelings frustration functioning genetics "
        "helping hippocampus humanistic hypothalamus illustrates incorrectly indicator "
        "infants innate intelligence interpersonal isolation licensed lobe medulla mental "
        "mood neurotransmitter observation obsessive operant outliers participants "
        "perception perceptual performance personality physiological predictive "
        "preoperational processing projective psychoanalysis psychoanalytic psychodynamic "
        "reared recall relaxation reliability research retention retina retrieval reward "
        "screening semantic sensory sessions shaping skills solving somatic spatial "
        "stages statistical suggests taste tests therapeutic traits unethical unethically "
        "unresolved validity waves",
        1: "abstract accurately aggression assessment attend attitudes biological choice "
        "classical client clients development duration educational error evaluation "
        "exclusively experience exposure factors feedback genetic grade hypothesis "
        "identity infant influenced learn learned learning memory motor neutral "
        "phenomenon punishment reality recognize release researcher response results self "
        "sexual sleep stress symptoms technique theory therapy thinking treatment",
    },
    "society": {
        3: "actors agenda committees contemporary ethnic globalization identities insecurity "
        "paradigm realist referent threaten threats transnational veto",
        2: "academic actor advocates arms behaviour borders capitalism capitalist coercive "
        "cold communities conflict congressional cooperation defence democracy diplomacy "
        "dominant elections elite gender geography housing immigration increasingly "
        "infrastructure islam jobs labour legislation legislative liberal liberalism "
        "migration military minister nuclear parliament politics presidential regions "
        "representatives resource ruling science senate societal societies sociology "
        "sovereignty soviet sphere stability strategic supreme theories threat "
        "traditional transition undermine urban violence vote voters weak weapons",
        1: "access achieve asia biological birth central challenge characteristic choice "
        "cities committee community concerns conflicts congress constitution constructed "
        "corporations countries define demands democratic developing domestic election "
        "ensure environmental forces global goals governmental governments groups "
        "identified identity industrial institutions interaction interests international "
        "intervention issue issues largely majority manufacturing markets movement "
        "nineteenth norms objective ownership policies policy political popular "
        "population populations poverty practical practices president race reduction "
        "requirements resources resulting secure security serve shared social society "
        "states strategy structural studies technological trade war welfare",
    },
}
