"""Given and family names common in Europe and the Americas, and larger cities, folded to plain lower case.

Short on purpose: a column is recognised by the share of its values found here, and no value is ever
decided by these lists.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GIVEN_NAMES = _words(
    """
    james mary john patricia robert jennifer michael linda william elizabeth david barbara richard susan joseph
    jessica thomas sarah charles karen christopher lisa daniel nancy matthew betty anthony margaret mark sandra
    donald ashley steven kimberly paul emily andrew donna joshua michelle kenneth dorothy kevin carol brian amanda
    george melissa edward deborah ronald stephanie timothy rebecca jason sharon jeffrey laura ryan cynthia jacob
    kathleen gary amy nicholas shirley eric angela jonathan helen stephen anna larry brenda justin pamela scott
    nicole brandon samantha benjamin katherine samuel emma gregory ruth frank christine alexander catherine raymond
    debra patrick rachel jack carolyn dennis janet jerry virginia tyler maria aaron heather jose diane adam julie
    nathan joyce henry victoria douglas olivia zachary kelly peter christina kyle lauren walter joan ethan evelyn
    jeremy judith harold megan keith cheryl christian andrea roger hannah noah martha gerald jacqueline terry
    frances sean gloria austin ann carl teresa arthur kathryn lawrence sara dylan janice jesse jean bryan alice joe
    madison billy doris bruce abigail ralph julia albert judy willie grace logan denise alan amber wayne marilyn roy
    beverly vincent danielle eugene theresa sophia randy diana bobby brittany philip natalie louis isabella johnny
    charlotte bradley rose philippe kayla shawn alexis craig lori phillip tiffany hans klaus wolfgang jurgen dieter
    uwe stefan andreas bernd martin ralf ursula monika petra sabine renate helga karin brigitte ingrid erika gisela
    anja katrin susanne heike birgit lena leon lukas finn jonas felix max maximilian paula mia emilia johanna greta
    heinz horst gunter gunther manfred gerhard werner heinrich karl ernst otto fritz kurt jorg sven pierre michel
    andre alain bernard jacques marcel nathalie isabelle sylvie francoise martine monique veronique sandrine valerie
    celine aurelie camille chloe manon lea lucas hugo jules gabriel raphael mathieu antoine nicolas julien sebastien
    laurent thierry olivier christophe pascal stephane guillaume frederic juan manuel francisco antonio carlos jesus
    miguel javier rafael pedro luis angel fernando jorge alberto pablo sergio carmen ana isabel dolores pilar rosa
    cristina marta elena lucia sofia alba raquel beatriz silvia joao paulo mateus gustavo rodrigo bruno felipe
    marcelo ricardo eduardo leonardo thiago vinicius fernanda juliana mariana camila leticia aline bruna larissa
    vanessa luciana adriana renata giuseppe giovanni mario luigi francesco angelo vincenzo pietro salvatore giulia
    chiara francesca federica alessandra marco luca matteo alessandro davide simone jan piotr krzysztof andrzej
    tomasz pawel marcin agnieszka katarzyna malgorzata ewa joanna magdalena lars anders erik johan kristina eva
    birgitta olga ivan sergei dmitri natalia tatiana irina mohamed mohammed muhammad ahmed ali omar hassan fatima
    aisha wei ming li chen raj priya amit rahul anita sanjay deepak kwame yuki hiroshi kenji sakura ibrahim yusuf
    mehmet mustafa ayse oliver liam amelia ava isla harry charlie freddie oscar archie poppy lily freya florence
    elsie ivy willow evie aiden mason elijah harper layla zoe penelope adele adrian agata agnes agnese agneta ahmet
    aidan aino akira alana albrecht aldo alejandra alejandro alena alessia alessio alexandra alexandre alfonso
    alfred alicia alina alison alistair alma alvaro amadou amina anastasia andres andrei anett angelina angelique
    anibal anke anneliese annette annika anselm antje antonella antonia antonina anton arjun armando arnaud arne
    arno arturo arvid ashwin astrid asuncion august augusto aurora axel ayumi baptiste bartosz beata beatrice
    benedikt benito bent bernadette bernhard berta bertha bettina bianca bjarne bjorn blanca boris borja bridget
    brigida britta burak caio carina carla carlo carlotta carolin carolina caroline caterina cecile cecilia cesar
    chandra chantal chidi chinedu christa christel christiane christoph cindy claire clara clarissa claude claudia
    claudio claus clemens clement colette colin conrad constance constantin consuelo cora cordula corinna corinne
    cornelia cosima cristian cristiano cristobal cyril daan dagmar damian damien daniela daniele danilo daria dario
    darius debora deniz diego dimitri dirk domenico dominik dominique dora dorothea duc eberhard eckhard edda edgar
    edith eduard edoardo edwin egon eileen ekaterina eleanor eleonora eleonore elfriede elias elin elisa elisabetta
    eliska elke ella ellen elmar elsa elvira emil emilie emiliano emilio emmanuel emmanuelle emre enrico enrique
    enzo erich erin erna ernesto erwin esra esteban esteve esther etienne eugenia eugenio eunice evelina evgeni
    fabian fabiana fabienne fabio fabrice fatih fatma federico felicia felicitas feline fernand fiona flavia flavio
    florencia florent florian franz franziska frauke freddy frederica frederick frederik frida friederike friedrich
    gabriela gabriele gabriella gael gaetano geoffrey georg georges georgina geraldine gerard gerda germain gertrud
    gianluca gianni gilbert gilles gina giorgia giorgio giovanna gisele giuliano giulio gonzalo goran gordon
    gottfried greg gregor gretchen grzegorz gudrun guido guillermo gunnar gunilla gustav gwen hakan halina hamza
    hanna hannes hanno harald harriet hartmut hector hedwig heidi helene helmut henri henriette henrik henrike
    herbert hermann hilda hilde holger horacio hubert huda hugh huong ida ignacio igor ilaria ilse ines inga inge
    ingeborg ingo inmaculada inna ioana iris irene irma isaac isabell isaias ismael istvan ivana ivo jacek jacopo
    jakob jaime jana jane janina janine jannik jarek jaroslav jasmin jasper javiera jeanne jeanette jenny jens
    jerome jessika jiri joachim joana joaquin jochen joel johannes jolanta jon joris josef josefa josefina josip
    jost juana juanita judit julian juliane juliette julio julius justine jutta kai kamil karel karim karina
    karolina karsten kasia kathrin katja katrina kaz kerstin kirsten kim klara klemens kofi konrad konstantin
    krystyna kristin kristof kunal ladislav laila lana lara larisa lasse laszlo laurence laurens laurin leandro leah
    leif leila lenka lennart leonard leonie leonor leopold lia lidia liesel lilian lilli lina linus lisbeth livia
    lise ljubica lorena lorenz lorenzo lothar lotte louise luc lucie lucien lucy ludmila ludovic ludwig luisa luiza
    lukasz lutz lydia lynn maarten macarena magali magda magnus mahmoud maja malik malte manuela mara marc marcela
    marcia marek maren margarethe margarita margarida margit margot mariam marian marianne maribel marie mariella
    marija marika marina marion marisa marit marjan marko markus marlene marlies marten martina martino marvin
    massimo mateo mathilde matias matilda matilde mattia matthias maud maura maurice mauricio mauro maxime mechthild
    melanie melina mercedes merle micha michaela michal michele mikael mikhail mikko milan milena milos miranda
    mirela miriam mirko miroslav mohammad moises moritz muriel nadia nadine nadja naomi natacha natascha natasha
    nazli nele nelly nelson nerea nestor nicola niels nigel niklas nikola nikolai nikolaus nils nina nisha norbert
    norma nour nuno nuria octavio odile olaf olav ole oleg oliviero omer orlando osama osman oskar oswald ottavia
    paloma paola paolo pascale patricio patrik patrizia paulina pauline pavel peer pelle per petr petros philipp pia
    pirjo pooja prakash rafal rafaela rahel raimund rainer rajesh ramona ramon raoul rasmus raul ravi rebeca
    reinhard reiner remi rene renee reza ricarda riccardo rita robin rocio roderick rodolfo roland rolf roman romain
    romina romy ron ronja rosalie rosario roswitha roxana ruben rudolf rudiger rui ruslan sabrina sachin safia
    sabina salim salma salome samira sami samir sandeep sandro santiago sarita sascha saskia sebastian selim selin
    selma serena serge sergej severin shirin siegfried sieglinde sigrid sigurd simon simona sina sini siobhan
    slavica solange solveig sonia sonja sophie soren stan stanislaw stefania stefano steffen steffi stella sten
    stephan stine sunita suzanne svea svein svenja svetlana sybille sylvia sylvain tamara tania tanja tarik tatjana
    tessa thabo thea theo theodor thibault thilo thomasz thor thorsten tiago tim timo timon tina tobias tom tomas
    tommaso tommy tone torben torsten tove tuan ugo ulf ulla ulrich ulrike umberto urban urs ursel ute uta vaclav
    valentin valentina valeria valerio vasco vera verena veronica veronika vicente victor viktor viktoria vilma
    viola violeta virginie vito vittoria viviana vivien vlad vladimir volker waldemar walburga waltraud wanda wenzel
    wiebke wiktor wilfried wilhelm willi wilma wojciech xavier xenia xiomara yann yannick yara yasmin yolanda yvan
    yvette yvonne zainab zara zdenek zeynep zofia zoltan zuzana
    """
)

FAMILY_NAMES = _words(
    """
    smith johnson williams brown jones garcia miller davis rodriguez martinez hernandez lopez gonzalez wilson
    anderson thomas taylor moore jackson martin lee perez thompson white harris sanchez clark ramirez lewis robinson
    walker young allen king wright scott torres nguyen hill flores green adams nelson baker hall rivera campbell
    mitchell carter roberts gomez phillips evans turner diaz parker cruz edwards collins reyes stewart morris
    morales murphy cook rogers gutierrez ortiz morgan cooper peterson bailey reed kelly howard ramos kim cox ward
    richardson watson brooks chavez wood james bennett gray mendoza ruiz hughes price alvarez castillo sanders patel
    myers long ross foster jimenez powell jenkins perry russell sullivan bell coleman butler henderson barnes
    gonzales fisher vasquez simmons romero jordan patterson alexander hamilton graham reynolds griffin wallace
    moreno west cole hayes bryant herrera gibson ellis tran medina aguilar stevens murray ford castro marshall owens
    harrison fernandez mcdonald woods washington kennedy wells vargas henry chen freeman webb tucker guzman burns
    crawford olson simpson porter hunter gordon mendez silva shaw snyder mason dixon munoz hunt hicks holmes palmer
    wagner black robertson boyd rose stone salazar fox warren mills meyer rice schmidt garza daniels ferguson
    nichols stephens soto weaver ryan gardner payne grant dunn muller mueller schneider fischer weber becker schulz
    hoffmann schafer koch bauer richter klein wolf schroder neumann schwarz zimmermann braun kruger hofmann hartmann
    lange schmitt werner schmitz krause meier lehmann schmid schulze maier kohler herrmann konig walter mayer huber
    kaiser fuchs peters lang scholz moller weiss jung hahn schubert vogel friedrich keller bernard dubois durand
    leroy moreau simon laurent lefebvre michel bertrand roux vincent fournier morel girard andre lefevre mercier
    dupont lambert bonnet francois gerard petit robert richard rousseau blanc guerin boyer garnier chevalier alonso
    navarro dominguez vazquez gil serrano blanco molina suarez ortega delgado rubio marin santos oliveira souza
    rodrigues ferreira alves pereira lima gomes costa ribeiro martins carvalho almeida lopes soares fernandes vieira
    barbosa rocha dias nascimento andrade moreira nunes marques machado mendes freitas cardoso rossi russo ferrari
    esposito bianchi romano colombo ricci marino greco bruno gallo conti deluca giordano nowak kowalski wisniewski
    wojcik kowalczyk kaminski lewandowski zielinski szymanski wozniak dabrowski jansen devries vandenberg bakker
    visser smit devos hansen johansen olsen larsen andersen pedersen nilsen andersson johansson karlsson nilsson
    eriksson larsson olsson persson svensson nielsen jensen christensen wang li zhang liu yang huang zhao wu zhou
    singh kumar sharma gupta khan ahmed ali hussain tanaka suzuki sato takahashi ito yilmaz kaya demir obrien
    oconnor byrne walsh mcarthur macdonald davies lloyd griffiths owen abbott abe achterberg acosta adam adamczyk
    aguirre aguilera akkerman albers albrecht alexandre alfaro almqvist alonzo amaral ambrose angelini antunes
    aranda araujo arias arnold arroyo ashton aubert avila ayala azevedo bach bachmann baldwin baptista baran
    barbieri barker barnett baron barrera barrett barros barth bartlett barton batista baumann beauchamp beck
    bellini benedetti benitez bennet benson berg berger bergmann bergstrom berry bertolini bishop bjork blair blake
    blanchard blom blum boateng bohm bonetti borges bouchard bourgeois bowen bowman brady brandt brennan briggs
    brito brunner buchanan burgess burke burton caballero cabrera calderon callahan camacho campos cannon cano
    caputo cardenas carlson caron carpenter carr carrasco carroll caruso cerny cervantes chambers chan chandler
    chapman charpentier chase christian clarke clemens cohen colin collin colon connolly contreras conway copeland
    cordeiro correa correia cortes cortez costello cote coulter couto crespo cristiani cross cunha curtis dahl
    dalton david davila dawson decker delacroix delaney deleon demirci dietrich dixit doherty domingo donovan doyle
    drake duarte duran dutta dvorak dyer eberhardt ebert eckert edmonds ek eklund eliasson engel engelhardt erdogan
    ernst escobar espinoza esteban estrada fabian faria farkas farmer faure fedorov ferrara ferrer ferri fields
    figueiredo figueroa fink fitzgerald fleming fletcher flynn fonseca fontaine forsberg forster fowler franco frank
    franke franklin frazier frey fritz fuentes fujita fuller gallagher galvan gatti gauthier geiger gentile georg
    gerber gerlach gilbert gill giraud goldberg goncalves gonzaga goodwin grabowski graf granger greene gregory
    groff gross grossi gruber guerra guerrero guillaume gunther haas haase hamid hammond hanna hansson hardy harper
    hartley hart harvey hassan hauser hawkins heinrich heinz helm henning hennig herbert hermann hernandes hess
    higgins hoang hodges hoffman hogan holm holmberg holt hopkins horak horn horvath houston howell hubert hudson
    huff hussein ibrahim iglesias ivanov ivanova iversen jacob jacobs jacobsen jacobsson jakobsen janssen janssens
    jennings jimenes johns johnston jonsson joseph juarez jurgens kaczmarek kaplan karlsen kaufmann keith kemp kent
    kerr kessler kirk klaus knight knudsen koning konstantinou kovac kovacs kowalczuk kramer krawczyk kraus
    kristensen kuhn kumari kunz lachance lacroix laine lancaster lara larson lawrence lawson leblanc lebrun leclerc
    leclercq leite leitner leon leonard leonhardt lin lind lindberg lindgren lindqvist lindstrom linke lombardi
    lombardo lorenz lorenzo lowe lucas ludwig lund lundberg lundgren luna lutz lynch lyons macedo macias madsen
    magnusson maldonado mancini mann manning marchand marchetti marcos mariani mariotti martel martensson martineau
    martini martinho masson mata mateos matos matsumoto matthews maurer maxwell mayr mazur mcbride mccarthy
    mccormick mcdaniel mcgrath mckenna medeiros mehta mejia melo menard mercado mertens messina meunier meza michaud
    michalski miles milano miranda moen mohamed monteiro montero monti montoya moon moran moretti morgado morin
    moser moss mota moura muniz murillo nagy naik nair naumann neves newman nicolas nicholson nielson nikolov noack
    noel nolan norman norris novak novotny nowicki oconnell oliver olivier olivieri opitz orlando orozco orsini
    osborne ott otto pace pacheco padilla page papadopoulos paquette park parsons pascal patricio paul pavlov payet
    pearce pearson pelletier pena peralta perrin perron petrov petrova pfeiffer pham picard pierce pineda pinto
    pires pohl poirier pons ponce popa pope popescu popov portela potter powers prado prieto pritchard probst quinn
    quiroga quiroz rao rasmussen ratti rau reich reid reinhardt reis renard renaud reuter rhodes riley rinaldi rios
    ritter rivas rizzo robbins roche rodgers rojas romeo roos rosario rosen rossetti rosso roth rowe ruf ruffini
    saez salas salvador salvatore salinas sampaio samuelsson santana santiago santoro sauer savage sawyer saxena
    schaefer scheffler schenk schiller schindler schlegel schlosser schmidtke schreiber schroeder schulte schultz
    schumacher schuster schwab schwartz seidel sequeira serra shah sharp shelton sherman short siegel sierra
    silvestri simonsen skinner slater sloan sorensen solis sommer sosa sousa spence spencer stark stein steiner
    stevenson stokes storm strand strauss strickland summers sundberg sutton svoboda swanson sweeney sylvestre szabo
    szewczyk takagi tavares teixeira tellez teixera testa thiel thiele thomsen toledo toth torre trujillo tremblay
    trevino tsai tyler underwood urban uribe valdez valente valentin valenzuela valle vance vega vera verma vidal
    villa villalobos villanueva villar vogt voigt volkov wade wallner walters walton warner watkins watts weigel
    weinberg wendt wenzel wheeler whitaker whitehead whitney wilde wilkins wilkinson willis winkler winter witt
    wolfe wolff wong woodward wyatt yamada yamamoto yates yoder york zamora zapata zeller ziegler zielonka zimmer
    """
)

# Larger cities; a space inside a name is written as an underscore.
CITIES = frozenset(
    name.replace("_", " ")
    for name in _words(
        """
    aachen aarhus abuja accra adelaide ahmedabad albuquerque alicante almeria amiens amsterdam angers ankara antwerp
    antwerpen arlington aracaju athens atlanta auckland augsburg aurora austin avignon badajoz bakersfield baltimore
    bangalore bangkok barcelona bari barranquilla basel bath bayreuth beijing beirut belem belfast belgrade
    belo_horizonte bergamo bergen berlin bern besancon bielefeld bilbao birmingham bochum bogota bologna bonn
    bordeaux boston bournemouth bradford braga brandenburg brasilia bratislava braunschweig bremen bremerhaven
    brescia brest brighton brisbane bristol brno bruges brugge brussels bruxelles bucharest budapest buenos_aires
    buffalo burgos bydgoszcz caen cadiz cairo calgary cali cambridge campinas canberra cancun cape_town caracas
    cardiff cartagena casablanca catania charleroi charlotte chemnitz chengdu chennai chester chicago cincinnati
    clermont-ferrand cleveland cluj-napoca coimbra cologne colorado_springs columbus copenhagen cordoba cork
    coventry cracow curitiba dallas darmstadt debrecen delhi denver derby detroit dhaka dijon doha dortmund dresden
    dubai dublin duisburg dundee durban dusseldorf duesseldorf edinburgh edmonton eindhoven el_paso erfurt erlangen
    espoo essen evora exeter faro ferrara florence florianopolis fortaleza fort_worth frankfurt freiburg fresno
    funchal gdansk gdynia geneva geneve genoa genova gent ghent gijon girona glasgow gloucester goiania gothenburg
    gottingen granada graz greensboro grenoble groningen guadalajara guangzhou guayaquil guimaraes gutersloh haarlem
    hagen halifax halle hamburg hamilton hannover hanover hanoi havana heidelberg heilbronn helsinki henderson
    hiroshima hong_kong honolulu houston huelva hull hyderabad ibadan indianapolis ingolstadt innsbruck ipswich
    istanbul izmir jacksonville jaen jaipur jakarta jerusalem johannesburg joao_pessoa kaiserslautern kampala
    kansas_city karachi karlsruhe kassel kathmandu katowice kaunas kiel kiev kobe koblenz kolkata koln koeln
    konstanz kosice krakow krefeld kyiv kyoto lagos la_paz las_palmas las_vegas lausanne le_havre le_mans leeds
    leicester leiden leipzig leon leuven leverkusen lexington liege lille lima limerick limoges lincoln linz lisboa
    lisbon liverpool livorno ljubljana lodz london long_beach los_angeles louisville lubeck lublin lucerne
    ludwigshafen luxembourg luzern lyon maastricht macon madison madrid magdeburg mainz malaga malmo manaus
    manchester manila mannheim maputo marburg marseille medellin melbourne memphis mendoza merida mesa messina metz
    mexico_city miami milan milano milwaukee minneapolis minsk modena monaco monchengladbach monterrey montevideo
    montpellier montreal moscow mulhouse mulheim mumbai munchen muenchen munich munster muenster murcia nagoya
    nairobi namur nancy nantes naples napoli nashville natal new_delhi new_orleans new_york newark newcastle newport
    nice nicosia nijmegen nimes norfolk norwich nottingham nuremberg nurnberg oakland oberhausen odense odessa
    oklahoma_city oldenburg omaha oporto orleans orlando osaka oslo osnabruck ottawa oulu ourense oviedo oxford
    padova padua palermo palma pamplona panama_city paris parma passau patras perpignan perth perugia pescara
    petersburg philadelphia phoenix pisa pittsburgh plano plymouth poitiers porto porto_alegre portland portsmouth
    potsdam poznan prague praha preston pretoria puebla quebec quito raleigh ravenna reading recife regensburg
    reggio reims rennes reykjavik richmond riga rimini rio_de_janeiro riverside rochester roma rome rosario rostock
    rotterdam rouen saarbrucken sacramento saint-etienne saint_louis salamanca salvador salzburg san_antonio
    san_diego san_francisco san_jose san_juan san_sebastian santa_ana santander santiago santo_domingo santos
    sao_paulo sapporo sarajevo saragossa schwerin scottsdale seattle seoul setubal sevilla seville shanghai
    sheffield shenzhen siegen siena singapore skopje sofia solingen southampton split stavanger st_louis stockholm
    stockton stoke strasbourg stuttgart sunderland surat swansea sydney szczecin szeged taipei tallinn tampa tampere
    taranto tarragona tehran tel_aviv thessaloniki tijuana timisoara tirana tokyo toledo toronto torino torun toulon
    toulouse tours trento trier trieste trondheim tucson tulsa tunis turin turku ulm uppsala utrecht valencia
    valladolid vancouver venezia venice verona vicenza vienna vigo vilnius virginia_beach vitoria warsaw warszawa
    washington wellington wichita wien wiesbaden winnipeg wolfsburg wolverhampton worcester worms wroclaw wuppertal
    wurzburg wuerzburg york yokohama zagreb zaragoza zurich zuerich zwickau zwolle
        """
    )
)
